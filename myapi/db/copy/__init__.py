"""Copy a whole database into another one and verify that both hold the same rows.

`run` is the public module. It prepares the `target`, lets `sync` make its rows equal to the
source's, and lets `verification` compare all rows of both.
"""

from myapi.db.copy.errors import CopyError, RefusedError
from myapi.db.copy.run import copy_database

__all__ = ["CopyError", "RefusedError", "copy_database"]
