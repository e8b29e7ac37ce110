"""A restore of many sessions while phones log in: how long, how much disk, and what they see.

As many sessions as `--kills` says, times 25 000: a million in `make faults`.
"""

import threading
import time
from pathlib import Path

import pytest

from tests.cli.conftest import command as flask_command
from tests.faults.report import INTERRUPTED
from tests.faults.test_interrupted import connected, fill
from tests.fixtures import DATABASES
from tests.service import migrate

SESSIONS_PER_KILL = 25_000
SESSIONS_PER_USER = 10

pytestmark = pytest.mark.faults_long


@pytest.fixture(params=DATABASES)
def database(request, tmp_path):
    """The URL of a migrated database, and the folder with its files."""
    if request.param == "sqlite":
        (tmp_path / "large").mkdir()
        yield migrate(f"sqlite:///{tmp_path}/large/large.db", tmp_path), tmp_path / "large"
    else:
        server = request.getfixturevalue(request.param)
        url = server.create_database("large")
        yield migrate(url, tmp_path), Path(server.folder) / "data"
        server.execute("DROP DATABASE large")


class Logins:
    """Four phones that log in until the block ends, each time as somebody new."""

    def __init__(self, service):
        self._service, self._stop = service, threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(4)]
        self.answers = []  # status and seconds

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, phone):
        number = 0
        while not self._stop.wait(0.05):
            number += 1
            started = time.monotonic()
            status = self._service.login(f"phone{phone}.{number}").status_code
            self.answers.append((status, time.monotonic() - started))


class Disk:
    """The largest size of a folder while the block runs, over that before it."""

    def __init__(self, folder):
        self._folder, self._stop = folder, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.before = self.most = self._size()
        self._thread.start()
        return self

    def __exit__(self, *_exc):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(0.1):
            self.most = max(self.most, self._size())

    def _size(self):
        size = 0
        for file in self._folder.rglob("*"):
            try:
                size += file.stat().st_blocks * 512
            except FileNotFoundError:
                continue
        return size


def test_restore_of_many_sessions_under_logins(
    database, serve, pytestconfig, record_property, tmp_path, request
):
    url, folder = database
    sessions = pytestconfig.getoption("kills") * SESSIONS_PER_KILL
    fill(url, 1, users=sessions // SESSIONS_PER_USER, sessions_each=SESSIONS_PER_USER)
    kind = request.node.callspec.params["database"]
    backup = tmp_path / ("large-copy.db" if kind == "sqlite" else "large.sql.gz")
    service = serve(database_url=url, workers=2, rate_limit_login="1000000")
    assert service.run(*flask_command("backup", str(backup)), timeout=600).returncode == 0
    with Logins(service) as logins, Disk(folder) as disk:
        time.sleep(1)
        started = time.monotonic()
        done = service.run(*flask_command("restore", str(backup), "--yes"), timeout=1800)
        seconds = time.monotonic() - started
        time.sleep(1)
    assert done.returncode == 0, done.stderr
    assert f"{sessions} sessions ended" in done.stdout
    statuses = [status for status, _ in logins.answers]
    assert set(statuses) <= {200, 503}
    assert service.sign_in("afterwards").get("/api/me").status_code == 200
    with connected(url) as connection:
        left = connection.exec_driver_sql("SELECT count(*) FROM sessions").scalar() - sessions - 1
    record_property(
        INTERRUPTED,
        {
            "command": f"flask restore of {sessions} sessions, {kind}",
            "signal": "none, under logins",
            "moment": f"{seconds:.1f} s, the disk {disk.most / disk.before:.1f} x"
            f" {disk.before / 1e6:.0f} MB",
            "after": f"of {statuses.count(200)} logins meanwhile {left} are there,"
            f" {statuses.count(503)} were refused,"
            f" the slowest took {max(seconds for _, seconds in logins.answers):.2f} s",
            "next": "the service answers",
        },
    )
