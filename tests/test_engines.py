"""Connections to MySQL: which are kept, and which are given up."""

import pytest
import sqlalchemy.exc
from sqlalchemy import text

from myapi import create_app
from myapi.database import write
from myapi.engines import NOT_IN_CHARGE
from myapi.extensions import db
from myapi.settings import Settings


@pytest.fixture
def on_mariadb(mariadb, tmp_path):
    """Be in an app on a server of which nothing is asked but what connection this is."""
    url = mariadb.url("mysql")
    app = create_app(Settings(secret_keys=("k" * 32,), database_url=url, instance_path=tmp_path))
    with app.app_context():
        yield
        for engine in db.engines.values():
            engine.dispose()


def connection_after(error=None):
    """Let the server fail with this number, and tell which connection is used next."""
    if error is not None:
        signal = text(f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {error}")
        with pytest.raises(sqlalchemy.exc.OperationalError):
            write(lambda tx: tx.execute(signal))
    return write(lambda tx: tx.scalar(text("SELECT CONNECTION_ID()")))


@pytest.mark.usefixtures("on_mariadb")
@pytest.mark.parametrize("error", sorted(NOT_IN_CHARGE))
def test_a_server_that_is_not_in_charge_is_connected_to_anew(error):
    assert connection_after() != connection_after(error)


@pytest.mark.usefixtures("on_mariadb")
def test_a_lost_deadlock_costs_no_connection():
    assert connection_after() == connection_after(1213)
