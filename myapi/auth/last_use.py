"""Record when a session was last used: at its first use, then at most once an hour."""

import logging
import time
from datetime import datetime, timedelta

import sqlalchemy.exc
from sqlalchemy import bindparam, case, update

from myapi.auth.liveness import time_parameter
from myapi.auth.models import Session
from myapi.db.errors import is_outage
from myapi.db.transactions import changed, write

log = logging.getLogger(__name__)

RECORD_EVERY = timedelta(hours=1)
FIRST_USE_TIMEOUT = 1.0  # s; until it is recorded, a retried login can take the session over
LATER_USE_TIMEOUT = 0.1  # s; a later use is not worth a delay
PAUSE = 10.0  # s after a failure in which later uses are not recorded


class _Pause:
    """Until when this process records no later uses; `time.monotonic()` seconds."""

    until = 0.0


def record_last_use(session_id: int, at: datetime, *, first: bool) -> None:
    """Write the time of a use. The request continues if the database is unavailable."""
    if not first and time.monotonic() < _Pause.until:
        return
    try:
        write(
            lambda tx: changed(tx, _UPDATE, {"session_id": session_id, "at": at}),
            wait=FIRST_USE_TIMEOUT if first else LATER_USE_TIMEOUT,
        )
    except sqlalchemy.exc.SQLAlchemyError as error:
        if not is_outage(error):
            raise
        _Pause.until = time.monotonic() + PAUSE
        log.warning("the last use of a session was not recorded: %s", type(error).__name__)


# Of two simultaneous uses the later time is kept.
_UPDATE = (
    update(Session)
    .where(Session.id == bindparam("session_id"))
    .values(
        last_seen_at=case(
            (Session.last_seen_at > time_parameter("at"), Session.last_seen_at),
            else_=time_parameter("at"),
        )
    )
)
