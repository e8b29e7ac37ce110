"""Programs that tests need. Without them a test is skipped; the run ends with a list of skips.

With `MYAPI_TEST_NOTHING_SKIPPED=1` a skip fails the run. Excepted is MySQL 8.0 on a machine where
`make mysql` has tried to fetch it, could not, and has said so.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from typing import Any, Protocol

import pytest

from tests import mysql

NOTHING_SKIPPED = "MYAPI_TEST_NOTHING_SKIPPED"


class Need(Protocol):
    def available(self) -> str | None: ...


class Program:
    """A program on the path; `package` is Debian's, if its name is another."""

    def __init__(self, name: str, package: str = "") -> None:
        self.name = name
        self.package = package or name

    def available(self) -> str | None:
        if shutil.which(self.name):
            return None
        return f"{self.name} not found: apt install {self.package}"


def need(*servers: Need) -> None:
    """Skip the current test unless all of these, such as `MariaDB`, are available."""
    for server in servers:
        reason = server.available()
        if reason is not None:
            pytest.skip(reason)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--nothing-skipped", action="store_true", help=f"as with {NOTHING_SKIPPED}=1")


def pytest_configure(config: pytest.Config) -> None:
    """Make an option of the variable: the apps of the tests would warn of an unknown setting."""
    if os.environ.pop(NOTHING_SKIPPED, "") not in ("", "0"):
        config.option.nothing_skipped = True


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _unexcused(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True, tryfirst=True)  # the outermost wrapper writes last
def pytest_terminal_summary(terminalreporter: Any) -> Any:
    result = yield
    skipped = _skipped(terminalreporter.config)
    if skipped:
        terminalreporter.section("skipped: requirements are missing", yellow=True)
        for reason, tests in sorted(skipped.items()):
            files = sorted({test.partition("::")[0] for test in tests})
            terminalreporter.line(f"{len(tests):5}  {reason}  ({', '.join(files)})")
        if _unexcused(terminalreporter.config):
            terminalreporter.line(f"{NOTHING_SKIPPED} is set: skips fail this run", red=True)
    return result


def _unexcused(config: pytest.Config) -> bool:
    """Whether a test was skipped that had to run."""
    strict = config.getoption("nothing_skipped")
    return strict and bool(_skipped(config).keys() - {mysql.refusal()})


def _skipped(config: pytest.Config) -> dict[str, set[str]]:
    """Return the skipped tests by reason. In a worker of a parallel run it is empty."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    skipped = defaultdict(set)
    for report in reporter.stats.get("skipped", []) if reporter else []:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        skipped[str(reason).removeprefix("Skipped: ")].add(report.nodeid)
    return skipped
