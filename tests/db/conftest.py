import pytest

from tests.servers import MariaDB


@pytest.fixture(params=["mariadb", "mysql"])
def server(request: pytest.FixtureRequest) -> MariaDB:
    """MariaDB and MySQL 8.0 in turn, each one server for all tests."""
    found: MariaDB = request.getfixturevalue(request.param)
    return found
