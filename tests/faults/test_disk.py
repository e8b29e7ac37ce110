"""A disk that is full, or fails to write: 503 for writes alone."""

import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.account import are_503, are_well, is_well_again
from tests.faults.people import WRITES
from tests.requirements import need


class PrivateDisk:
    """A small disk of memory, which the processes on it see alone."""

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
            return "no private mounts here: apt install util-linux, or be root"
        return None

    def __init__(self, folder, file, size="2m"):
        self.folder = folder
        self.wrapper = [*self.UNSHARE, "sh", "-c", self.MOUNT, str(file), str(folder), size]
        folder.mkdir()

    @property
    def options(self):
        """Those of a service that writes all there, its log too."""
        return {
            "wrapper": self.wrapper,
            "environ": {"TMPDIR": str(self.folder)},
            "database_url": f"sqlite:///{self.folder}/db",
        }

    def seen_from(self, service):
        return Path(f"/proc/{service.pid}/root{self.folder}")

    def copy(self, service, to):
        """Copy the database out, when nobody writes; return its URL."""
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


def test_the_disk_is_full(on_sqlite, tmp_path, migrated_sqlite, load):
    """Who reads does not notice, and who writes is told."""
    need(PrivateDisk)
    disk = PrivateDisk(tmp_path / "disk", migrated_sqlite, size="16m")
    service = on_sqlite(**disk.options)
    of_the_tests = {
        "operator": False,  # who would be outside, where the file is not
        "database_url": lambda: disk.copy(service, tmp_path / "copy.db"),
    }
    with load(service, "the disk full for 4 s", visitors=8, **of_the_tests) as phones:
        with disk.full(service):
            phones.go_on(4)
        phones.are_well_again()
    phones.kept_the_promise(refused={"service_unavailable"})
    phones.only_refused(*WRITES)


def test_a_full_disk_is_503_for_writes_alone(account_on, tmp_path, migrated_sqlite):
    need(PrivateDisk)
    disk = PrivateDisk(tmp_path / "disk", migrated_sqlite)
    account = account_on(**disk.options)
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
