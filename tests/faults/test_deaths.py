"""Everything that writes dies at once, again and again: what was acknowledged is there."""

import secrets
import shutil
import time

import pytest

from tests.faults.line import NO_ANSWER
from tests.faults.report import PROPERTY
from tests.faults.writers import Diary, writing
from tests.service import KEY, wait_for

LOOK_EVERY = 20  # deaths
A_MOMENT = 100  # ms after the first acknowledged write, in which death comes


@pytest.mark.parametrize("deaths", [20, pytest.param(200, marks=pytest.mark.faults_long)])
def test_all_writers_to_sqlite_are_killed(tmp_path, migrated_sqlite, request, deaths):
    """Two processes of eight threads, which share transactions; the next two find the file so."""
    url = f"sqlite:///{tmp_path}/written.db"
    shutil.copy(migrated_sqlite, tmp_path / "written.db")
    diary, recovery, under_load = Diary(), 0.0, 0.0
    for death in range(1, deaths + 1):
        file = tmp_path / f"diary-{death}"
        started = time.monotonic()
        with writing(url, file) as kill:
            wait_for(lambda file=file: "told" in file.read_text())
            well = time.monotonic()
            recovery = max(recovery, well - started)
            time.sleep(secrets.randbelow(A_MOMENT) / 1000)
            kill()
            under_load += time.monotonic() - well
        diary.read(file)
        if death % LOOK_EVERY == 0:
            diary.ledger.compare(url, KEY)
    row = {
        "fault": f"two processes of writers killed (-9) {deaths} times (use-cases alone, SQLite)",
        "load": round(diary.asked / under_load),
        "sent": diary.asked,
        "well": diary.told,
        "refused": {"service_unavailable": len(diary.refused)} if diary.refused else {},
        "failed": {NO_ANSWER: diary.in_doubt},
        "slowest": diary.slowest,
        "acknowledged": diary.told,
        "lost": len(diary.ledger.lost),
        "recovery": recovery,
    }
    request.node.user_properties.append((PROPERTY, row))
    assert diary.ledger.lost == []
    assert diary.in_doubt > deaths, "too few writes were under way, so nothing is shown"
    assert diary.told > deaths


@pytest.mark.parametrize("deaths", [5, pytest.param(40, marks=pytest.mark.faults_long)])
def test_the_whole_service_is_killed_and_started(on_sqlite, tmp_path, load, deaths):
    """Master and workers at once; nobody answers until they are started."""
    service = on_sqlite(environ=metrics_in(tmp_path))
    with load(service, f"Gunicorn, master and all, killed (-9) {deaths} times, sqlite") as phones:
        for _ in range(deaths):
            phones.go_on(0.5)
            service.kill()
            service.start()
        phones.are_well_again()
    phones.kept_the_promise(failed={NO_ANSWER})


@pytest.mark.parametrize("deaths", [2, pytest.param(10, marks=pytest.mark.faults_long)])
def test_the_service_and_mariadb_are_killed_and_started(on_mariadb, server, tmp_path, load, deaths):
    service = on_mariadb(environ=metrics_in(tmp_path))
    with load(service, f"Gunicorn and MariaDB killed (-9) {deaths} times") as phones:
        for _ in range(deaths):
            phones.go_on(0.5)
            server.kill()
            service.kill()
            server.start()
            service.start()
        phones.are_well_again()
    phones.kept_the_promise(refused={"service_unavailable"}, failed={NO_ANSWER})


def metrics_in(folder):
    """Name a folder for the metrics: a master that is killed leaves its own behind."""
    (folder / "metrics").mkdir()
    return {"PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics")}
