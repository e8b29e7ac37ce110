"""What replaces a connection to MySQL, and what keeps it."""

import time

import pytest
import sqlalchemy.exc
import time_machine
from sqlalchemy import text

from myapi import create_app
from myapi.db.engines import CLOSED_AFTER
from myapi.db.mysql_connections import DISCARD_AFTER, NOT_PRIMARY
from myapi.db.transactions import reading, write
from myapi.extensions import db
from myapi.settings import Settings


@pytest.fixture
def on_server(server, tmp_path, request):
    """Run the test in the context of an app on MariaDB, and on MySQL; it needs no tables."""
    given = {"secret_keys": ("k" * 32,), "instance_path": tmp_path, **getattr(request, "param", {})}
    app = create_app(Settings(database_url=server.url("mysql"), **given))
    with app.app_context():
        yield
        for engine in db.engines.values():
            engine.dispose()


def connection_after(error=None):
    """Return the id of the connection used after the server has raised this error."""
    if error is not None:
        signal = text(f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {error}")
        with pytest.raises(sqlalchemy.exc.OperationalError):
            write(lambda tx: tx.execute(signal))
    return write(lambda tx: tx.scalar(text("SELECT CONNECTION_ID()")))


@pytest.mark.usefixtures("on_server")
@pytest.mark.parametrize("error", sorted(NOT_PRIMARY))
def test_error_of_a_server_that_is_not_primary_replaces_the_connection(error):
    assert connection_after() != connection_after(error)


@pytest.mark.usefixtures("on_server")
def test_deadlock_keeps_the_connection():
    assert connection_after() == connection_after(1213)


@pytest.mark.usefixtures("on_server")
@pytest.mark.parametrize(("idle", "replaced"), [(DISCARD_AFTER - 5, False), (DISCARD_AFTER, True)])
def test_connection_that_was_idle_for_long_by_the_wall_clock_is_replaced(idle, replaced):
    """It still works; one whose network has forgotten it looks the same."""
    before = connection_after()
    with time_machine.travel(time.time() + idle, tick=True):
        assert (connection_after() != before) == replaced


@pytest.mark.usefixtures("on_server")
def test_connection_is_kept_when_the_clock_is_set_back():
    before = connection_after()
    with time_machine.travel(time.time() - 86400, tick=True):
        assert connection_after() == before


@pytest.mark.parametrize(
    ("on_server", "closes_soon"),
    [({}, False), ({"frozen_when_idle": True}, True)],
    indirect=["on_server"],
)
@pytest.mark.usefixtures("on_server")
def test_server_closes_connections_of_a_process_that_is_frozen(closes_soon):
    """It would keep them, and the locks of an open transaction, for hours."""
    ask = text("SELECT @@wait_timeout")
    with reading() as connection:
        found = {connection.scalar(ask), write(lambda tx: tx.scalar(ask))}
    assert (found == {CLOSED_AFTER}) == closes_soon
