"""The two ways in which a copy fails. The message says why and what to do."""


class CopyError(Exception):
    """A database cannot be opened, a row cannot be stored, or the databases differ at the end."""


class RefusedError(Exception):
    """The source or the target cannot be used. No row has been changed."""
