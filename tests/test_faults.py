"""Bad days of the database, for real: 503 and soon, reads where they can, well again by itself."""

import os
import sqlite3
import subprocess
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pymysql
import pytest

from myapi.engines import PING_AFTER
from tests.requirements import need
from tests.servers import HOST, MariaDB
from tests.service import at_once, is_error, migrate, wait_for

WITHIN = 3.0  # s


class Account:
    """Somebody who has logged in and used the token, so that nothing of it is left to write."""

    def __init__(self, service, wechat):
        self.service = service
        self.phone = service.sign_in("alice")
        assert self.phone.get("/api/me").status_code == 200
        assert self.phone.put("/api/me", json={"nickname": "before"}).status_code == 200
        self.encrypted = wechat.sandbox.encrypt("alice", {"phone": "1"})

    @property
    def reads(self):
        phone = self.phone
        return [
            lambda: phone.get("/api/me"),
            lambda: phone.get("/api/auth/sessions"),
            lambda: phone.post("/api/me/decrypt", json=self.encrypted),
        ]

    @property
    def writes(self):
        phone = self.phone
        return [
            lambda: phone.put("/api/me", json={"nickname": "after"}),
            lambda: phone.delete("/api/me"),
            lambda: self.service.login("alice"),
            lambda: self.service.login("somebody"),
            lambda: phone.post("/api/auth/logout"),
        ]

    def readyz(self):
        return self.service.call("GET", "/readyz")


@pytest.fixture
def account_on(serve, wechat):
    """Start a service, and log in to it."""

    def account_on(**options):
        return Account(serve(**options), wechat)

    return account_on


def are_503(*calls):
    """Check that these calls, made all at once, are refused: soon, and not for good."""
    started = time.monotonic()
    answers = at_once(*calls)
    assert time.monotonic() - started < WITHIN
    assert [a.text for a in answers if not is_error(a, 503, "service_unavailable")] == []


def are_well(*calls):
    assert [answer.text for call in calls if not (answer := call()).ok] == []


def is_well_again(account):
    """Check that all is as before, once a read and a write had the chance to find it out."""
    profile, _erasure, *logins, logout = account.writes
    account.reads[0]()
    are_well(*account.reads * 3, account.readyz)
    assert account.phone.get("/api/me").json()["data"]["nickname"] == "before"
    assert len(account.phone.get("/api/auth/sessions").json()["data"]["sessions"]) == 1
    profile()
    are_well(profile, *logins, logout)


def slowest_hello_beside(account, calls, threads=24):
    """Return how long hello took at most, while so many threads make such calls once."""
    waiting = [threading.Thread(target=calls[i % len(calls)]) for i in range(threads)]
    for thread in waiting:
        thread.start()
    took = [0.0]
    while any(thread.is_alive() for thread in waiting):
        started = time.monotonic()
        assert account.service.call("GET", "/api/hello").status_code == 200
        took.append(time.monotonic() - started)
    return max(took)


# ---- MariaDB ----


@pytest.fixture(scope="module")
def server():
    """A MariaDB that may be stopped, frozen and locked."""
    need(MariaDB)
    with MariaDB(innodb_flush_log_at_trx_commit=0) as server:
        yield server


@pytest.fixture
def mariadb_url(server, tmp_path):
    """A migrated database of this test's own, for a user who may no more than use it."""
    with pymysql.connect(unix_socket=f"{server.folder}/socket", user="root") as root:
        for statement in (
            "CREATE OR REPLACE DATABASE served CHARACTER SET utf8mb4",
            "CREATE OR REPLACE USER plain IDENTIFIED BY 'plain-password'",
            "GRANT ALL ON served.* TO plain",
        ):
            root.cursor().execute(statement)
    where = f"plain:plain-password@{HOST}:{server.port}/served"
    return migrate(f"mysql+pymysql://{where}?charset=utf8mb4", tmp_path)


@contextmanager
def stopped(server):
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def frozen(server):
    """It takes connections, and answers nothing."""
    server.freeze()
    try:
        yield
    finally:
        server.thaw()
        wait_for(server.ready)


@contextmanager
def read_only(server):
    server.execute("SET GLOBAL read_only = 1")
    try:
        yield
    finally:
        server.execute("SET GLOBAL read_only = 0")


@contextmanager
def in_backup(server):
    """It holds the lock with which a backup begins."""
    with session(server, "FLUSH TABLES WITH READ LOCK"):
        yield


@contextmanager
def rows_locked(server):
    """Somebody has begun a transaction, and gone to lunch."""
    with session(server, "BEGIN", "SELECT * FROM users JOIN sessions FOR UPDATE"):
        yield


@contextmanager
def session(server, *statements):
    with pymysql.connect(
        host=HOST, port=server.port, user=server.user, password=server.password, database="served"
    ) as connection:
        for statement in statements:
            connection.cursor().execute(statement)
        yield


@pytest.mark.parametrize("away", [stopped, frozen])
def test_mariadb_away_is_503_soon_and_well_when_it_is_back(account_on, server, mariadb_url, away):
    account = account_on(database_url=mariadb_url, threads=32)
    time.sleep(PING_AFTER)  # so that connections are tried before they are used
    with away(server):
        for _ in range(2):
            are_503(*account.reads, *account.writes, account.readyz)
        forged = {"Authorization": f"Bearer {account.phone.token}x"}
        refused = account.service.call("GET", "/api/me", headers=forged)
        assert is_error(refused, 401, "token_invalid")
        assert account.service.call("GET", "/healthz").status_code == 200
    is_well_again(account)


@pytest.mark.parametrize("away", [stopped, frozen])
def test_hello_answers_while_many_wait_for_mariadb(account_on, server, mariadb_url, away):
    account = account_on(database_url=mariadb_url)
    with away(server):
        assert slowest_hello_beside(account, [*account.reads, *account.writes]) < WITHIN
        are_503(account.reads[0])
    is_well_again(account)


def test_mariadb_is_found_again_after_a_crash(account_on, server, mariadb_url):
    account = account_on(database_url=mariadb_url)
    at_once(*account.reads * 4)  # so that there are several connections to lose
    server.kill()
    server.start()
    is_well_again(account)


@pytest.mark.parametrize("fault", [read_only, in_backup, rows_locked])
def test_mariadb_that_takes_no_writes_is_503_for_these_alone(
    account_on, server, mariadb_url, fault
):
    account = account_on(database_url=mariadb_url, threads=32)
    with fault(server):
        are_503(*account.writes)
        are_well(*account.reads, account.readyz)
    is_well_again(account)


# ---- SQLite ----


def file_of(service):
    return Path(service.settings["database_url"].removeprefix("sqlite:///"))


@contextmanager
def locked(service):
    """Another process writes, and does not come to an end."""
    with closing(sqlite3.connect(file_of(service), isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


def test_a_locked_file_is_503_for_writes_alone(account_on):
    account = account_on(threads=32)
    unused = account.service.sign_in("bob")
    with locked(account.service):
        are_503(*account.writes)
        are_well(*account.reads, account.readyz)
        assert unused.get("/api/me").status_code == 200  # though its first use cannot be noted
    is_well_again(account)


def test_hello_answers_while_many_wait_for_a_locked_file(account_on):
    account = account_on()
    with locked(account.service):
        assert slowest_hello_beside(account, account.writes) < WITHIN
        are_well(*account.reads)
    is_well_again(account)


def test_a_write_waits_for_a_short_lock(account_on):
    account = account_on()
    with locked(account.service):
        answers = []
        write = threading.Thread(target=lambda: answers.append(account.writes[0]()))
        write.start()
        write.join(0.5)
        assert answers == []
    write.join()
    assert answers[0].status_code == 200


class PrivateDisk:
    """A small disk of memory, which the processes on it see alone."""

    UNSHARE = ("unshare", "--mount", "--map-root-user")
    MOUNT = (
        'file=$0 disk=$1; shift; mount -t tmpfs -o size=2m none "$disk" && cp "$file" "$disk/db" '
        '&& exec "$@" >>"$disk/log" 2>&1'
    )

    @classmethod
    def available(cls):
        tried = [*cls.UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"]
        try:
            subprocess.run(tried, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return "no private mounts here: apt install util-linux, or be root"
        return None

    def __init__(self, folder, file):
        self.folder = folder
        self.wrapper = [*self.UNSHARE, "sh", "-c", self.MOUNT, str(file), str(folder)]
        folder.mkdir()

    @contextmanager
    def full(self, service):
        ballast = Path(f"/proc/{service.pid}/root{self.folder}/ballast")
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"." * 4096)
        yield
        ballast.unlink()


def test_a_full_disk_is_503_for_writes_alone(account_on, tmp_path, migrated_sqlite):
    need(PrivateDisk)
    disk = PrivateDisk(tmp_path / "disk", migrated_sqlite)
    account = account_on(
        wrapper=disk.wrapper,
        environ={"TMPDIR": str(disk.folder)},  # all that it writes is there, the log too
        database_url=f"sqlite:///{disk.folder}/db",
    )
    with disk.full(account.service):
        workers = account.service.workers()
        are_503(*account.writes)
        are_well(*account.reads, account.readyz)
        for path in range(100):
            account.service.call("GET", f"/nowhere/{path}")
        assert account.service.workers() == workers
        account.service.kill_worker()
        are_503(*account.writes)
        are_well(*account.reads, account.readyz)
    is_well_again(account)


def test_a_disk_that_fails_to_write_is_503_for_writes_alone(account_on):
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("this system sets limits for no other process")
    account = account_on()
    (worker,) = account.service.workers()
    unlimited = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (0, unlimited[1]))
    are_503(*account.writes)
    are_well(*account.reads, account.readyz)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, unlimited)
    is_well_again(account)


def test_a_read_only_file_is_503_for_writes_alone(account_on):
    bound_by_modes = () if os.geteuid() else ("setpriv", "--bounding-set=-dac_override")
    account = account_on(wrapper=bound_by_modes)
    file = file_of(account.service)
    file.chmod(0o444)
    account.service.reload()
    are_503(*account.writes)
    are_well(*account.reads, account.readyz)
    file.chmod(0o644)
    is_well_again(account)


# ---- the schema ----


@pytest.mark.parametrize("database", ["sqlite", "mariadb"])
def test_a_database_without_tables_is_not_ready(serve, request, tmp_path, database):
    service = serve(database_url=_empty(database, request, tmp_path))
    assert is_error(service.call("GET", "/readyz"), 503, "service_unavailable")
    assert service.call("GET", "/api/hello").status_code == 200
    migrated = service.flask("db", "upgrade")
    assert migrated.returncode == 0, migrated.stderr
    assert service.call("GET", "/readyz").status_code == 200
    assert service.login().status_code == 200


def test_an_older_revision_is_not_ready_and_an_unknown_one_is(serve):
    service = serve()
    for revision, status in [("0000", 200), ("from-a-later-release", 200)]:
        with closing(sqlite3.connect(file_of(service))) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
        assert service.call("GET", "/readyz").status_code == status
    with closing(sqlite3.connect(file_of(service))) as connection, connection:
        connection.execute("DELETE FROM alembic_version")
    assert is_error(service.call("GET", "/readyz"), 503, "service_unavailable")
    assert "newer revision" in service.log()


def _empty(database, request, tmp_path):
    if database == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    server = request.getfixturevalue("server")
    server.execute("CREATE OR REPLACE DATABASE empty CHARACTER SET utf8mb4")
    return server.url("empty")
