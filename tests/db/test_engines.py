"""Which errors of MySQL replace the connection, and which keep it."""

import pytest
import sqlalchemy.exc
from sqlalchemy import text

from myapi import create_app
from myapi.db.engines import NOT_PRIMARY
from myapi.db.transactions import write
from myapi.extensions import db
from myapi.settings import Settings


@pytest.fixture
def on_server(server, tmp_path):
    """Run the test in the context of an app on MariaDB, and on MySQL; it needs no tables."""
    url = server.url("mysql")
    app = create_app(Settings(secret_keys=("k" * 32,), database_url=url, instance_path=tmp_path))
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
