"""`flask jobs run`: what timers do on a server."""

import os
import signal
import subprocess
import sys
import time

import pytest

from myapi.cli import events, sessions
from tests.cli.conftest import IDENTITY, command, environment
from tests.service import wait_for

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def backups(folder):
    return sorted(file.name for file in folder.iterdir())


def test_once_handles_events_purges_and_backs_up(run, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    said = run("jobs", "run", "--once", "--backup-dir", str(folder)).stdout.splitlines()
    assert said[:6] == [
        "0 events handled, 0 failed",
        "0 messages sent, 0 to be tried again, 0 failed, 0 unknown",
        "0 sessions purged",
        "0 events emptied, 0 deleted",
        "0 messages purged",
        "0 audit entries and 0 hourly counts deleted",
    ]
    (made,) = backups(folder)
    assert said[6].startswith(f"{folder / made}: ")
    assert made.startswith("daily-")
    assert made.endswith(".db")


def test_backup_of_the_day_is_made_once(run, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    for _ in range(2):
        run("jobs", "run", "--once", "--backup-dir", str(folder))
    assert len(backups(folder)) == 1


def test_old_backups_are_deleted_and_other_files_stay(run, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    for name in ("daily-20200101T193000Z.db", ".daily-x.db.abc.part", "before-release.db"):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - 15 * 86400,) * 2)
    run("jobs", "run", "--once", "--backup-dir", str(folder))
    other, made = backups(folder)
    assert other == "before-release.db"
    assert made > "daily-2020"


def test_failed_job_is_logged_and_the_others_run(run, monkeypatch, caplog):
    def fail():
        raise OSError("the disk is gone")
        yield

    monkeypatch.setattr(sessions, "_purge", fail)
    said = run("jobs", "run", "--once", code=1).stdout
    assert [line.split(",")[0] for line in said.splitlines()] == [
        "0 events handled",
        "0 messages sent",
        "0 events emptied",
        "0 messages purged",
        "0 audit entries and 0 hourly counts deleted",
    ]
    assert "the job 'purge of sessions' failed" in caplog.text
    assert "the disk is gone" in caplog.text


def test_failed_event_ends_once_with_1(run, monkeypatch):
    monkeypatch.setattr(events.handling, "handle_due", lambda handle, limit: (1, 2))
    assert "1 event handled, 2 failed\n" in run("jobs", "run", "--once", code=1).stdout


@pytest.mark.parametrize("at", ["24:00", "7:30", "19.30", "noon"])
def test_time_of_the_day_that_is_none_is_refused(run, at):
    assert "must be a time such as 19:30" in run("jobs", "run", "--at", at, code=2).stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_loop_between_jobs(app, database_url, tmp_path, number):
    given = environment(database_url=database_url, **IDENTITY)
    out = tmp_path / "out"
    with out.open("w") as file:
        jobs = subprocess.Popen(
            [sys.executable, *command("jobs", "run")[1:]], env=given, stdout=file, stderr=file
        )
    try:
        wait_for(lambda: "deleted" in out.read_text())
        jobs.send_signal(number)
        assert jobs.wait(timeout=20) == 0
    finally:
        jobs.kill()
        jobs.wait()
    assert "Traceback" not in out.read_text()
