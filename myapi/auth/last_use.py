"""When a session was used last: written at its first use, and then once an hour."""

import logging
import time
from datetime import datetime, timedelta

import sqlalchemy.exc
from sqlalchemy import bindparam, case, update

from myapi.auth.liveness import moment
from myapi.auth.models import Session
from myapi.db.errors import is_outage
from myapi.db.transactions import changed, write

log = logging.getLogger(__name__)

RECORD_EVERY = timedelta(hours=1)
FIRST_WAIT = 1.0  # s; until its first use is recorded, a retried login can take a session over
WAIT = 0.1  # s; a later use is not worth a delay
PAUSE = 10.0  # s without another attempt after one failed


class _Pause:
    """When this process tries again after a failure; `time.monotonic()` seconds."""

    until = 0.0


def record_last_use(session_id: int, at: datetime, *, first: bool) -> None:
    """Write the time of a use. If the database cannot take it just now, the request goes on."""
    if not first and time.monotonic() < _Pause.until:
        return
    try:
        write(
            lambda tx: changed(tx, _UPDATE, {"session_id": session_id, "at": at}),
            wait=FIRST_WAIT if first else WAIT,
        )
    except sqlalchemy.exc.SQLAlchemyError as error:
        if not is_outage(error):
            raise
        _Pause.until = time.monotonic() + PAUSE
        log.warning("the last use of a session was not recorded: %s", type(error).__name__)


# Of two uses at once the later one stays.
_UPDATE = (
    update(Session)
    .where(Session.id == bindparam("session_id"))
    .values(
        last_seen_at=case(
            (Session.last_seen_at > moment("at"), Session.last_seen_at), else_=moment("at")
        )
    )
)
