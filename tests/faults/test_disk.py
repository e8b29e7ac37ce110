"""A full or failing disk: only writes get 503."""

import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from myapi.db.backup.leftovers import NEW, OLD
from tests.cli.conftest import flask
from tests.faults.account import assert_503, assert_ok, assert_recovered
from tests.faults.people import WRITES
from tests.faults.test_interrupted import fill
from tests.requirements import need
from tests.servers import MariaDB
from tests.service import KEY, migrate

__all__ = ["flask"]


class PrivateDisk:
    """A small disk in memory that only the processes on it see."""

    UNSHARE = ("unshare", "--mount", "--map-root-user")
    MOUNT = (
        'file=$0 disk=$1 size=$2; shift 2; mount -t tmpfs -o size=$size none "$disk" '
        '&& cp "$file" "$disk/db" && exec "$@" >>"$disk/log" 2>&1'
    )

    @classmethod
    def available(cls):
        tried = [*cls.UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"]
        try:
            subprocess.run(tried, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return "no private mounts: apt install util-linux, or be root"
        return None

    def __init__(self, folder, file, size="2m"):
        self.folder = folder
        self.wrapper = [*self.UNSHARE, "sh", "-c", self.MOUNT, str(file), str(folder), size]
        folder.mkdir()

    @property
    def options(self):
        """Settings of a service that writes everything there, including its log."""
        return {
            "wrapper": self.wrapper,
            "environ": {"TMPDIR": str(self.folder)},
            "database_url": f"sqlite:///{self.folder}/db",
        }

    def seen_from(self, service):
        return Path(f"/proc/{service.pid}/root{self.folder}")

    def copy(self, service, to):
        """Copy the database when nothing writes to it; return its URL."""
        for end in ("", "-wal"):
            shutil.copy(f"{self.seen_from(service)}/db{end}", f"{to}{end}")
        return f"sqlite:///{to}"

    @contextmanager
    def full(self, service):
        ballast = self.seen_from(service) / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"." * 4096)
        yield
        ballast.unlink()


def test_disk_is_full(on_sqlite, tmp_path, migrated_sqlite, load):
    """Reads succeed, and writes are refused."""
    need(PrivateDisk)
    disk = PrivateDisk(tmp_path / "disk", migrated_sqlite, size="16m")
    service = on_sqlite(**disk.options)
    options = {
        "operator": False,  # it would run outside of the private mount, without the file
        "database_url": lambda: disk.copy(service, tmp_path / "copy.db"),
    }
    with load(service, "the disk full for 4 s", visitors=8, **options) as phones:
        with disk.full(service):
            phones.run_for(4)
        phones.wait_until_recovered()
    phones.assert_promise_kept(refused={"service_unavailable"})
    phones.assert_only_refused(*WRITES)


def test_full_disk_is_503_for_writes_only(account_on, tmp_path, migrated_sqlite):
    need(PrivateDisk)
    disk = PrivateDisk(tmp_path / "disk", migrated_sqlite)
    account = account_on(**disk.options)
    with disk.full(account.service):
        workers = account.service.workers()
        assert_503(*account.writes)
        assert_ok(*account.reads, account.readyz)
        for path in range(100):
            account.service.call("GET", f"/nowhere/{path}")
        assert account.service.workers() == workers
        account.service.kill_worker()
        assert_503(*account.writes)
        assert_ok(*account.reads, account.readyz)
    assert_recovered(account)


def test_failing_disk_is_503_for_writes_only(account_on):
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("this system cannot set limits for other processes")
    account = account_on()
    (worker,) = account.service.workers()
    unlimited = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (0, unlimited[1]))
    assert_503(*account.writes)
    assert_ok(*account.reads, account.readyz)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, unlimited)
    assert_recovered(account)


class OnSmallDisk(MariaDB):
    """A MariaDB whose data is on a small disk in memory that only it sees."""

    MOUNT = (
        'small=$0 data=$1; shift; mount -t tmpfs -o size=160m none "$small" '
        '&& cp -a "$data/." "$small" && exec "$@" --datadir="$small"'
    )

    def prepare(self):
        super().prepare()
        small = self.folder / "small"
        small.mkdir()
        shell = ("sh", "-c", self.MOUNT, str(small), str(self.folder / "data"))
        self.wrapper = [*PrivateDisk.UNSHARE, *shell]

    @contextmanager
    def almost_full(self, left):
        """Leave so many bytes of the disk."""
        disk = Path(f"/proc/{self.pid}/root{self.folder}/small")
        with (disk / "ballast").open("wb") as ballast:
            ballast.write(b"." * (shutil.disk_usage(disk).free - left))
        yield
        (disk / "ballast").unlink()


def test_restore_on_a_disk_that_fills_leaves_the_old_database(tmp_path, flask):
    need(PrivateDisk, MariaDB)
    with OnSmallDisk() as server:
        url = migrate(server.create_database("filling"), tmp_path)
        fill(url, 1, users=1000, sessions_each=20)

        def run(*arguments):
            return flask(*arguments, database_url=url, secret_keys=KEY)

        assert run("backup", f"{tmp_path}/copy.sql").returncode == 0
        server.execute("DELETE FROM users WHERE id > 10", database="filling")
        with server.almost_full(left=2**21):
            refused = run("restore", f"{tmp_path}/copy.sql", "--yes")
            assert refused.returncode == 1
            assert "the database refuses sessions: " in refused.stderr
            names = {name for (name,) in server.execute("SHOW TABLES", database="filling")}
            assert not any(name.startswith((NEW, OLD)) for name in names)
            assert server.execute("SELECT count(*) FROM users", database="filling") == [(10,)]
        assert "20000 sessions ended" in run("restore", f"{tmp_path}/copy.sql", "--yes").stdout
