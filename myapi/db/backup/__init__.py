"""Copy the whole database to a file, and replace the database by such a file.

`run` is the public module. `sqlite` and `mysql` do the work for their database; a backup of MySQL
is a dump, which `dump` has the server's own tool write and `dump_file` reads.
"""

from myapi.db.backup.errors import BackupError
from myapi.db.backup.run import check, restore, write

__all__ = ["BackupError", "check", "restore", "write"]
