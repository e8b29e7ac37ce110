"""The queue of a backup: what was sent after the backup must not be sent again."""

from collections.abc import Mapping

from sqlalchemy import Connection, Table, update

from myapi.messages.models import SENDING, UNKNOWN, WAITING, Message
from myapi.messages.settlement import NEVER


def forget_queue(connection: Connection, tables: Mapping[str, Table]) -> None:
    """Make the queued messages of a backup unknown before it becomes the database."""
    table = tables.get(Message.__tablename__)
    if table is None:  # the backup is older than messages
        return
    queued = update(table).where(table.columns.state.in_((WAITING, SENDING)))
    unknown = {"state": UNKNOWN, "error": "restored", "content": None, "next_at": NEVER}
    connection.execute(queued.values(unknown))
