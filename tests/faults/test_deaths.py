"""All writers are killed repeatedly: acknowledged changes are not lost."""

import secrets
import shutil
import time

import pytest

from tests.faults.client import NO_ANSWER
from tests.faults.report import PROPERTY
from tests.faults.writers import Diary, writing
from tests.service import KEY, wait_for

COMPARE_EVERY = 20  # kills
MAX_DELAY = 100  # ms from the first acknowledged write to the kill, chosen at random


@pytest.mark.parametrize("deaths", [20, pytest.param(200, marks=pytest.mark.faults_long)])
def test_all_writers_to_sqlite_are_killed(tmp_path, migrated_sqlite, request, deaths):
    """Two processes of eight threads share transactions; the next two open the file as it is."""
    url = f"sqlite:///{tmp_path}/written.db"
    shutil.copy(migrated_sqlite, tmp_path / "written.db")
    diary, recovery, under_load = Diary(), 0.0, 0.0
    for death in range(1, deaths + 1):
        file = tmp_path / f"diary-{death}"
        started = time.monotonic()
        with writing(url, file) as kill:
            wait_for(lambda file=file: "acknowledged" in file.read_text())
            writing_since = time.monotonic()
            recovery = max(recovery, writing_since - started)
            time.sleep(secrets.randbelow(MAX_DELAY) / 1000)
            kill()
            under_load += time.monotonic() - writing_since
        diary.read(file)
        if death % COMPARE_EVERY == 0:
            diary.ledger.compare(url, KEY)
    row = {
        "fault": f"two processes of writers killed (-9) {deaths} times (use-cases alone, SQLite)",
        "load": round(diary.started / under_load),
        "sent": diary.started,
        "ok": diary.acknowledged,
        "refused": {"service_unavailable": len(diary.refused)} if diary.refused else {},
        "failed": {NO_ANSWER: diary.unanswered},
        "slowest": diary.slowest,
        "acknowledged": diary.acknowledged,
        "lost": len(diary.ledger.lost),
        "recovery": recovery,
    }
    request.node.user_properties.append((PROPERTY, row))
    assert diary.ledger.lost == []
    assert diary.unanswered > deaths, "too few writes were interrupted to show anything"
    assert diary.acknowledged > deaths


@pytest.mark.parametrize("deaths", [5, pytest.param(40, marks=pytest.mark.faults_long)])
def test_service_is_killed_and_started(on_sqlite, tmp_path, load, deaths):
    """Master and workers are killed at once; requests get no answer until the next start."""
    service = on_sqlite(environ=metrics_in(tmp_path))
    with load(service, f"Gunicorn, master and all, killed (-9) {deaths} times, sqlite") as phones:
        for _ in range(deaths):
            phones.run_for(0.5)
            service.kill()
            service.start()
        phones.wait_until_recovered()
    phones.assert_promise_kept(failed={NO_ANSWER})


@pytest.mark.parametrize("deaths", [2, pytest.param(10, marks=pytest.mark.faults_long)])
def test_service_and_mariadb_are_killed_and_started(on_server, server, tmp_path, load, deaths):
    service = on_server(environ=metrics_in(tmp_path))
    with load(service, f"Gunicorn and MariaDB killed (-9) {deaths} times") as phones:
        for _ in range(deaths):
            phones.run_for(0.5)
            server.kill()
            service.kill()
            server.start()
            service.start()
        phones.wait_until_recovered()
    phones.assert_promise_kept(refused={"service_unavailable"}, failed={NO_ANSWER})


def metrics_in(folder):
    """Set a folder for the metrics, because a killed master does not remove its own."""
    (folder / "metrics").mkdir()
    return {"PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics")}
