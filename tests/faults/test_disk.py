"""A disk that is full, or fails to write: 503 for writes alone."""

import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.account import are_503, are_well, is_well_again
from tests.requirements import need


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
