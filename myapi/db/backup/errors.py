"""The way in which a backup or a restore fails."""


class BackupError(Exception):
    """A backup cannot be made or restored; the message says why in one sentence."""
