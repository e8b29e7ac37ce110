"""`flask jobs run`: what timers do on a server, for where there is no systemd."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import click

from myapi.cli import audit, backup, events, messages, sessions
from myapi.cli.command import Command, Group
from myapi.cli.options import TIME_OF_DAY
from myapi.cli.stopping import stopping
from myapi.clock import now
from myapi.extensions import db

log = logging.getLogger(__name__)

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: Older backups are deleted, as on a server.
KEPT = timedelta(days=14)


class Job(NamedTuple):
    """`next_time` is called with the present time, and whether the job has succeeded."""

    name: str
    run: Callable[[], object]
    next_time: Callable[[datetime, bool], datetime]


@click.group("jobs", cls=Group)
def group() -> None:
    """Do what timers do on a server, where there is no systemd."""


@group.command(cls=Command)
@click.option(
    "--at",
    type=TIME_OF_DAY,
    default="19:30",
    help="When to purge and back up, in UTC; 19:30 if not given.",
)
@click.option(
    "--backup-dir",
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Back up into this folder; without it there is no backup.",
)
@click.option("--once", is_flag=True, help="Do what is due now, and end.")
@click.pass_context
def run(ctx: click.Context, at: timedelta, backup_dir: Path | None, once: bool) -> None:
    """Handle events and send messages each minute; purge, and back up, once a day.

    Run it beside the service. At its start it does all of these, and backs up if the last backup is
    missing. Backups older than two weeks are deleted. A job that fails is logged and tried again:
    the daily ones an hour later. SIGTERM and Ctrl+C end the command when the job that is running
    has ended.
    """

    def daily(present: datetime, succeeded: bool) -> datetime:
        return last_time(at, present) + DAY if succeeded else present + HOUR

    jobs = [
        Job("events", lambda: ctx.invoke(events.run), lambda present, _: present + MINUTE),
        Job("messages", lambda: ctx.invoke(messages.run), lambda present, _: present + MINUTE),
        Job("purge of sessions", lambda: ctx.invoke(sessions.purge), daily),
        Job("purge of events", lambda: ctx.invoke(events.purge), daily),
        Job("purge of messages", lambda: ctx.invoke(messages.purge), daily),
        Job("purge of the audit log", lambda: ctx.invoke(audit.purge), daily),
    ]
    if (folder := backup_dir) is not None:
        jobs.append(Job("backup", lambda: _back_up(ctx, folder, last_time(at, now())), daily))
    with stopping() as stop:
        failed = _work(jobs, stop, once=once)
    ctx.exit(1 if once and failed else 0)


def last_time(at: timedelta, present: datetime) -> datetime:
    """Return when it was last this time of the day."""
    today = present.replace(hour=0, minute=0, second=0, microsecond=0) + at
    return today if today <= present else today - DAY


def _work(jobs: list[Job], stop: threading.Event, *, once: bool) -> bool:
    """Do each job when its time comes; return whether one has failed."""
    failed = False
    times = [now()] * len(jobs)
    while not stop.is_set():
        for number, job in enumerate(jobs):
            if times[number] <= now() and not stop.is_set():
                succeeded = _succeeds(job)
                failed = failed or not succeeded
                times[number] = job.next_time(now(), succeeded)
        if once:
            break
        # At most a minute: the clock may be set meanwhile.
        stop.wait(max(0.0, min(MINUTE, min(times) - now()).total_seconds()))
    return failed


def _succeeds(job: Job) -> bool:
    try:
        job.run()
    except click.exceptions.Exit:  # it has said what is wrong
        return False
    except Exception:
        log.exception("the job %r failed", job.name, extra={"event": "job_failed"})
        return False
    return True


def _back_up(ctx: click.Context, folder: Path, since: datetime) -> None:
    """Back up, unless there is a backup since that time; then delete old ones."""
    made = [file.stat().st_mtime for file in folder.glob("daily-*")]
    if max(made, default=0.0) < since.timestamp():
        kind = "db" if db.engine.name == "sqlite" else "sql.gz"
        ctx.invoke(backup.command, path=folder / f"daily-{now():%Y%m%dT%H%M%SZ}.{kind}")
    for pattern, age in (("daily-*", KEPT), (".daily-*.part", DAY)):
        for file in folder.glob(pattern):
            if file.stat().st_mtime < time.time() - age.total_seconds():
                file.unlink(missing_ok=True)
