"""A pytest plugin with the fixtures of every test, such as `client` and `sign_in`.

A test that uses `app` runs twice: on SQLite and on MariaDB; once where no database is its subject,
by `parametrize("database_url", ["sqlite"], indirect=True)`. Marked `on_mysql`, it runs on MySQL
8.0 too; so are those whose subject is what a database does: SQL, locks, storms, text.
"""

import logging
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from sqlalchemy import text
from werkzeug.test import TestResponse

from myapi import create_app
from myapi.db import migrate
from myapi.db.transactions import Transaction, write
from myapi.extensions import Base, db
from myapi.security.tokens import Token, Tokens
from myapi.settings import Settings
from myapi.team import Extension, load
from myapi.wechat.sandbox import Sandbox, SandboxServer
from tests.mysql import MySQL
from tests.requirements import need
from tests.servers import MariaDB
from tests.service import serve

__all__ = ["serve"]

KEY = "a key for tests only, 0123456789"
DATABASES = ["sqlite", "mariadb", "mysql"]

# The tests start hundreds of processes, and each would compile all modules.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
for _name in ("MAKELEVEL", "MAKEFLAGS", "MFLAGS"):  # of the make that runs the tests
    os.environ.pop(_name, None)
# Commands speak the language of the locale; the tests expect English.
os.environ["LC_ALL"] = "C.UTF-8"
# A shell makes background processes ignore Ctrl-C, and all child processes would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """One MariaDB for this test process."""
    need(MariaDB)
    with MariaDB(innodb_flush_log_at_trx_commit=0) as server:
        yield server


@pytest.fixture(scope="session")
def mysql() -> Iterator[MySQL]:
    """One MySQL 8.0 for this test process."""
    need(MySQL)
    with MySQL(innodb_flush_log_at_trx_commit=0, sync_binlog=0) as server:
        yield server


@pytest.fixture(scope="session")
def migrated_mariadb(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> str:
    url = mariadb.create_database("myapi")
    _migrate(url, tmp_path_factory.mktemp("mariadb"))
    return url


@pytest.fixture(scope="session")
def migrated_mysql(mysql: MySQL, tmp_path_factory: pytest.TempPathFactory) -> str:
    url = mysql.create_database("myapi")
    _migrate(url, tmp_path_factory.mktemp("mysql"))
    return url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sqlite")
    _migrate(f"sqlite:///{folder}/myapi.db", folder)
    return folder / "myapi.db"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-on-mysql", action="store_true", help="also those without on_mysql")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """More than there are cores: a third of the tests' time is waiting."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests with a database on MySQL only where they are marked: all would take long."""
    if config.getoption("all_on_mysql"):
        return

    def unmarked(item: pytest.Item) -> bool:
        parameters = getattr(item, "callspec", None)
        on_mysql = parameters is not None and parameters.params.get("database_url") == "mysql"
        return on_mysql and item.get_closest_marker("on_mysql") is None

    items[:] = [item for item in items if not unmarked(item)]


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty, migrated database: SQLite and MariaDB; where marked `on_mysql`, MySQL as well."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "myapi.db")
        yield f"sqlite:///{tmp_path}/myapi.db"
    else:
        yield request.getfixturevalue(f"migrated_{request.param}")
        server: MariaDB = request.getfixturevalue(request.param)
        _empty(server)


@contextmanager
def empty_database(request: pytest.FixtureRequest, folder: Path, name: str = "fresh") -> Any:
    """Lend a database that is not migrated, as a fixture with `params=DATABASES` does."""
    if request.param == "sqlite":
        yield f"sqlite:///{folder}/{name}.db"
    else:
        server: MariaDB = request.getfixturevalue(request.param)
        yield server.create_database(name)
        server.execute(f"DROP DATABASE {name}")


@pytest.fixture
def wechat(tmp_path: Path) -> Iterator[SandboxServer]:
    """A sandbox server for this test; `wechat.sandbox` controls it."""
    sandbox = Sandbox(tmp_path / "sandbox.db")
    with SandboxServer(sandbox) as server:
        yield server
    sandbox.close()


@pytest.fixture
def no_secret_in_log(
    wechat: SandboxServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Fail the test if one of the secrets it used is in its log."""
    issued = []

    def record_new(tokens: Tokens) -> Token:
        token = real_new(tokens)
        issued.append(token.text)
        return token

    real_new = Tokens.new
    monkeypatch.setattr(Tokens, "new", record_new)
    for name in ("myapi", "urllib3", "requests", "pymysql", "flask_limiter", "werkzeug"):
        caplog.set_level(logging.DEBUG, logger=name)
    yield
    for secret in (KEY, *issued, *wechat.sandbox.session_keys()):
        assert secret.partition(".")[0] not in caplog.text, "a secret is in the log"


@pytest.fixture
def make_app(
    database_url: str, wechat: SandboxServer, tmp_path: Path, no_secret_in_log: None
) -> Iterator[Callable[..., Flask]]:
    """Create apps with the given settings, all with the same database and sandbox."""
    apps = []

    def make(extension: Extension | None = None, **settings: Any) -> Flask:
        given: dict[str, Any] = {
            "secret_keys": (KEY,),
            "database_url": database_url,
            "wechat_base_url": wechat.url,
            "instance_path": tmp_path,
            "log_format": "json",
        }
        app = create_app(Settings(**{**given, **settings}), extension or load())
        app.testing = True
        for soon in ("events_soon", "messages_soon"):  # no threads that tests wait for
            app.extensions[soon].start = lambda work: work()
        app.extensions["hours_writer"].start = lambda: None  # a test writes when it wants to
        apps.append(app)
        return app

    yield make
    for app in apps:
        close(app)


def close(app: Flask) -> None:
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()
    client = app.extensions["wechat"]
    if client.cache_info().currsize:
        client().close()


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()


@dataclass
class SignedIn:
    """A logged-in client: its calls carry its token."""

    client: FlaskClient
    token: str
    user: dict[str, Any]
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, headers=self.headers)

    def post(self, path: str, json: Any = None) -> TestResponse:
        return self.client.post(path, headers=self.headers, json=json)

    def put(self, path: str, json: Any = None) -> TestResponse:
        return self.client.put(path, headers=self.headers, json=json)

    def delete(self, path: str) -> TestResponse:
        return self.client.delete(path, headers=self.headers)


@pytest.fixture
def sign_in(client: FlaskClient) -> Callable[..., SignedIn]:
    """Log in with a sandbox code: `sign_in("alice")`."""

    def sign_in(code: str = "alice", via: FlaskClient = client) -> SignedIn:
        response = via.post("/api/auth/login", json={"code": code})
        assert response.status_code == 200, response.text
        data = response.get_json()["data"]
        return SignedIn(via, data["token"], data["user"])

    return sign_in


@pytest.fixture
def execute(app: Flask) -> Callable[..., Any]:
    """Run SQL on the test's database and commit it: `execute("UPDATE …", name=value)`."""

    def execute(sql: str, **values: Any) -> Any:
        def work(tx: Transaction) -> Any:
            result = tx.execute(text(sql), values)
            return result.all() if result.returns_rows else result.rowcount

        with app.app_context():
            return write(work)

    return execute


def _empty(server: MariaDB) -> None:
    """Delete all rows. Most tests fill few tables, so ask first which have any."""
    tables = [table.name for table in reversed(Base.metadata.sorted_tables)]
    selects = (f"SELECT '{name}' FROM dual WHERE EXISTS (SELECT 1 FROM {name})" for name in tables)
    for (name,) in server.execute(" UNION ALL ".join(selects), database="myapi"):
        server.execute(f"DELETE FROM {name}", database="myapi")


def _migrate(url: str, instance: Path) -> None:
    settings = Settings(secret_keys=(KEY,), database_url=url, instance_path=instance)
    app = create_app(settings, load())
    with app.app_context():
        migrate.upgrade()
    close(app)
