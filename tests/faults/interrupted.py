"""Interrupt a command at random moments of its run, and look at what it leaves.

The report plugin prints a table of all interruptions: the signal, the moment, the state after it
and what the next run did.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tests.service import ROOT

KILL, INTERRUPT = signal.SIGKILL, signal.SIGINT
INTERRUPTS_PER_KILL = 4


class Command(NamedTuple):
    """A command that changes a database, and what surrounds it in a test."""

    name: str
    arguments: Sequence[str]
    environment: dict[str, str]
    prepare: Callable[[], None]  # makes the state before the command
    state: Callable[[], str]  # "old", "new", or a description of anything else
    allowed: tuple[str, ...] = ("old", "new")

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.arguments,
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self) -> float:
        """Run it to its end, which has to be a good one; return the seconds it took."""
        started = time.monotonic()
        process = self.start()
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr
        return time.monotonic() - started


def interrupt(command: Command, kills: int) -> Iterator[dict[str, str]]:
    """Kill the command so often, interrupt it a quarter as often; yield a row of each."""
    command.prepare()
    duration = command.run()
    assert command.state() == "new"
    for sent, count in ((KILL, kills), (INTERRUPT, -(-kills // INTERRUPTS_PER_KILL))):
        for number in range(count):
            moment = (number + random.random()) / count * duration
            command.prepare()
            process = command.start()
            time.sleep(moment)
            os.killpg(process.pid, sent)
            process.communicate(timeout=120)
            state = command.state()
            assert state in command.allowed, (sent.name, moment, state)
            command.run()
            assert command.state() == "new"
            yield {
                "command": command.name,
                "signal": sent.name,
                "moment": f"{moment:.2f} of {duration:.2f} s",
                "after": state,
                "next": "ended well",
            }
