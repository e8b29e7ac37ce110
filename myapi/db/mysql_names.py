"""Names of tables, columns and constraints, as MySQL writes them in SQL."""

NAME = r"`((?:[^`]|``)+)`"  # for a regular expression; its group is the name, still escaped


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def plain(name: str) -> str:
    """Return the name that stands escaped between backticks."""
    return name.replace("``", "`")
