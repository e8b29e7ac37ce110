"""Fixtures for fault scenarios: services, the servers they need, and the load on them."""

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.faults.account import Account
from tests.faults.client import Connect
from tests.faults.load import Load
from tests.faults.report import PROPERTY
from tests.front import DOMAIN, Front
from tests.mysql import MySQL
from tests.requirements import need
from tests.servers import HOST, MariaDB, Nginx, Redis, free_port
from tests.service import PRODUCTION, Service, migrate

UNLIMITED = {"rate_limit_login": "1000000", "rate_limit_login_failed": "1000000"}
TWO_WORKERS = {"workers": 2, **UNLIMITED}


@pytest.fixture(autouse=True)
def untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start processes without coverage, which makes them half as slow again."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture
def load(request: pytest.FixtureRequest) -> Any:
    """Put a service under load and add a row to the report table; see `load.py`."""

    @contextmanager
    def load(service: Service, fault: str, **options: Any) -> Iterator[Load]:
        phones = Load(service, fault, **options)
        try:
            with phones:
                yield phones
        finally:
            request.node.user_properties.append((PROPERTY, phones.row()))

    return load


@pytest.fixture
def on_sqlite(serve: Callable[..., Service]) -> Callable[..., Service]:
    """Start a service with two workers on SQLite."""
    return lambda **options: serve(**{**TWO_WORKERS, **options})


@pytest.fixture
def on_server(serve: Callable[..., Service], server_url: str) -> Callable[..., Service]:
    """Start a service with two workers on the database `server`."""
    return lambda **options: serve(**{**TWO_WORKERS, "database_url": server_url, **options})


@pytest.fixture
def behind_nginx(
    on_sqlite: Callable[..., Service], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Connect]]:
    """A service behind the deployment's Nginx, and a function to connect to it."""
    need(Nginx)
    path = tmp_path_factory.mktemp("behind") / "http.sock"  # a socket path has at most 108 bytes
    port = free_port()
    both = f"--bind={HOST}:{port} --bind=unix:{path}"
    service = on_sqlite(**PRODUCTION, port=port, environ={"GUNICORN_CMD_ARGS": both})
    with Front(path, rate=10_000, login_rate=10_000) as front:

        def connect() -> http.client.HTTPConnection:
            connection = http.client.HTTPSConnection(DOMAIN)
            connection.sock = front.connect()
            return connection

        yield service, connect


@pytest.fixture
def redis_server() -> Iterator[Redis]:
    need(Redis)
    with Redis() as server:
        yield server


@pytest.fixture(scope="session")
def durable_mariadb() -> Iterator[MariaDB]:
    need(MariaDB)
    with MariaDB() as server:
        yield server


@pytest.fixture(scope="session")
def durable_mysql() -> Iterator[MySQL]:
    need(MySQL)
    with MySQL() as server:
        yield server


@pytest.fixture
def server(request: pytest.FixtureRequest) -> MariaDB:
    """A MariaDB that tests may stop, freeze and kill, as durable as in production.

    Where it is parametrized with "mysql" it is a MySQL 8.0.
    """
    found: MariaDB = request.getfixturevalue(f"durable_{getattr(request, 'param', 'mariadb')}")
    return found


@pytest.fixture
def server_url(server: MariaDB, tmp_path: Path) -> str:
    """A new migrated database for this test, with a user without administrative rights."""
    with pymysql.connect(unix_socket=f"{server.folder}/socket", user="root") as root:
        for statement in (
            "DROP DATABASE IF EXISTS served",
            "CREATE DATABASE served CHARACTER SET utf8mb4",
            "DROP USER IF EXISTS plain",
            "CREATE USER plain IDENTIFIED BY 'plain-password'",
            "GRANT ALL ON served.* TO plain",
        ):
            root.cursor().execute(statement)
    where = f"plain:plain-password@{HOST}:{server.port}/served"
    return migrate(f"mysql+pymysql://{where}?charset=utf8mb4", tmp_path)


@pytest.fixture
def account_on(serve, wechat):
    """Start a service and log in to it."""

    def account_on(**options):
        return Account(serve(**options), wechat)

    return account_on
