"""What is done on each connection to MySQL: a cluster is waited for, a dead one is replaced."""

import functools
import time
from typing import Any

import sqlalchemy.exc
from sqlalchemy import Engine, ExceptionContext, event

from myapi.clock import moment, seconds_since

NOT_PRIMARY = {1047, 1290, 1836}  # cut off from its cluster; read-only after a failover
PING_AFTER = 1.0  # s idle; under load no connection is idle for so long, so none is pinged
#: s idle, after which a connection is replaced without a ping: networks forget one after a minute
#: or more, some in silence, and the answer to a ping is waited for in vain.
DISCARD_AFTER = 30.0


def prepare(engine: Engine) -> None:
    event.listen(engine, "connect", _wait_for_cluster)
    event.listen(engine, "handle_error", _replace_secondary)
    event.listen(engine, "checkin", _record_idle)
    event.listen(engine, "checkout", functools.partial(_ping_if_idle, engine))


def _wait_for_cluster(connection: Any, _record: object) -> None:  # noqa: ANN401
    """On Galera, make a read wait for what was committed on another node before it.

    Checked for each new connection: a server without Galera does not know the variable.
    """
    with connection.cursor() as cursor:
        cursor.execute("SHOW VARIABLES LIKE 'wsrep_on'")
        if (cursor.fetchone() or ("", "OFF"))[1] == "ON":
            cursor.execute("SET SESSION wsrep_sync_wait = 1")


def _replace_secondary(context: ExceptionContext) -> None:
    """Connect again if this server is not the primary: another one may be by now."""
    if NOT_PRIMARY.intersection(context.original_exception.args[:1]):
        context.is_disconnect = True


def _record_idle(_connection: object, record: Any) -> None:  # noqa: ANN401
    record.info["idle_since"] = moment()


def _ping_if_idle(engine: Engine, connection: Any, record: Any, _proxy: object) -> None:  # noqa: ANN401
    """Ping a connection that was idle, so that a dead one is replaced before it fails a request.

    One that was idle for long is replaced at once. If the server does not answer the ping, the
    request fails: it has waited long enough.
    """
    if (idle_since := record.info.get("idle_since")) is None:  # it is new
        return
    if (idle := seconds_since(idle_since)) < PING_AFTER:
        return
    if idle > DISCARD_AFTER:
        raise sqlalchemy.exc.DisconnectionError("idle for too long to be trusted")
    started = time.monotonic()
    try:
        engine.dialect.do_ping(connection)
    except Exception as error:
        if time.monotonic() - started > PING_AFTER:
            raise sqlalchemy.exc.TimeoutError("the database does not answer") from error
        raise sqlalchemy.exc.DisconnectionError from error
