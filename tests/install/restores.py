"""Restores through `deploy/myapi`: as docs/restore.md says, and stopped at random moments."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator

from tests.faults.interrupted import INTERRUPTS_PER_KILL
from tests.install.container import ROOT
from tests.install.server import Server

UNIT = "myapi-restore.service"
DEPLOY = "deploy/myapi restore"
# What is stopped, by which signal: the command, the command line in its unit, all of the unit.
KILLS = (
    ("pkill", "--signal", "KILL", "--full", DEPLOY),
    ("systemctl", "kill", "--kill-who=main", "--signal=KILL", UNIT),
    ("systemctl", "kill", "--signal=KILL", UNIT),
)
INTERRUPT = ("pkill", "--signal", "INT", "--full", f"{DEPLOY}|systemd-run.*{UNIT}")
HANG_UP = ("pkill", "--signal", "HUP", "--full", f"{DEPLOY}|systemd-run.*{UNIT}")


def users(server: Server) -> set[str]:
    return {user["id"] for user in server.users()}


def as_the_page_says(server: Server, file: str) -> None:
    """Run the commands of the page's first section, word by word."""
    page = (ROOT / "docs/restore.md").read_text()
    section = page.split("\n## ")[1]
    commands = re.findall(r"^```sh server\n(.*?)^```", section, re.M | re.S)
    assert len(commands) == 3
    listed = server.run("sh", "-c", in_checkout(commands[0]))
    name = file.rpartition("/")[2]
    assert name in listed.stdout
    for command in commands[1:]:
        done = server.run("sh", "-c", in_checkout(command.replace("FILE", name)))
        assert done.returncode == 0, done.stdout + done.stderr


def in_checkout(commands: str) -> str:
    """Return the commands for root, in the checkout: a minimal system has no sudo."""
    return "set -e\ncd /src\n" + commands.replace("sudo ", "")


def stopped_at_random(server: Server, kills: int) -> Iterator[dict[str, str]]:
    """Restore a backup and stop that so often; yield a row of each.

    After each the service answers, from the old or the new database, and the next run ends well.
    """
    new = manual_backup(server)
    states = {frozenset(users(server)): "new"}
    server.log_in("somebody-else")
    old = manual_backup(server)
    states[frozenset(users(server))] = "old"
    started = time.monotonic()
    restore(server, new)
    duration = time.monotonic() - started
    interrupts = -(-kills // INTERRUPTS_PER_KILL)
    ways = [(KILLS[number % len(KILLS)], number / kills) for number in range(kills)]
    ways += [((INTERRUPT, HANG_UP)[n % 2], n / interrupts) for n in range(interrupts)]
    for stop, share in ways:
        count = kills if stop in KILLS else interrupts
        moment = (share + random.random() / count) * duration
        restore(server, old)
        process = server.start("/src/deploy/myapi", "restore", new, "--yes")
        time.sleep(moment)
        server.run(*stop)
        output, _ = process.communicate(timeout=60)
        assert "Traceback" not in output
        wait_until(lambda: not is_running(server))
        try:
            server.log_in("alice")
        except AssertionError as error:
            raise AssertionError(f"after {stop} at {moment:.2f} of {duration:.2f} s") from error
        state = states[frozenset(users(server))]
        restore(server, new)
        assert states[frozenset(users(server))] == "new"
        yield {
            "command": "deploy/myapi restore",
            "signal": " ".join(stop[:4])[:60],
            "moment": f"{moment:.2f} of {duration:.2f} s",
            "after": f"{state}, the service runs",
            "next": "ended well",
        }
    assert "restore-" not in server.run("ls", "-A", "/var/lib/myapi").stdout


def manual_backup(server: Server) -> str:
    """Back up the database; return the new file."""
    folder = "/var/lib/myapi/backups"
    before = set(server.files(folder))
    done = server.deploy("backup")
    assert done.returncode == 0, done.stderr
    (file,) = set(server.files(folder)) - before
    return file


def restore(server: Server, file: str) -> None:
    done = server.deploy("restore", file, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr


def is_running(server: Server) -> bool:
    """Whether the unit runs, or is about to be started by what is left of a killed command."""
    state = server.run("systemctl", "is-active", UNIT).stdout.strip()
    starting = server.run("pgrep", "--full", f"systemd-run.*{UNIT}").returncode == 0
    return starting or state in {"activating", "active", "deactivating"}


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)
