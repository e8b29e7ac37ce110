"""What the install test asks of pytest.

Its tests are stories: in a file they share a container and run in the order in which they stand.
"""

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.install.container import CACHE, System, sweep, unavailable
from tests.install.figures import pytest_sessionstart, pytest_terminal_summary
from tests.install.server import Server
from tests.requirements import NOTHING_SKIPPED

__all__ = [
    "booted",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_sessionstart",
    "pytest_terminal_summary",
    "pytest_unconfigure",
]


def pytest_configure() -> None:
    """Let a run that is told to end leave nothing behind, as one that is interrupted does."""

    def interrupt(*_signal: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Remove what a worker that was ended in its midst has left."""
    sweep()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out a system that cannot be built here, where no test may be skipped.

    `make install-test` has said which one, and why.
    """
    known = CACHE / "systems.json"
    if not known.exists() or os.environ.get(NOTHING_SKIPPED, "") in ("", "0"):
        return
    out = {suite for suite, reason in json.loads(known.read_text()).items() if reason}
    items[:] = [item for item in items if _parameters(item) not in out]


@pytest.fixture(scope="module")
def booted() -> Iterator[Callable[[System], Server]]:
    """Boot a system; it goes when the tests of the file are over."""
    with contextlib.ExitStack() as servers:

        def boot(system: System) -> Server:
            reason = unavailable(system)
            if reason:
                pytest.skip(reason)
            server: Server = servers.enter_context(Server(system))
            return server

        yield boot


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    if call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception):
        _FAILED.add(_story(item))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Stop a story at its first failure: what would follow stands on what failed."""
    if _story(item) in _FAILED:
        pytest.fail("a test before it in this file has failed", pytrace=False)


_FAILED: set[str] = set()


def _story(item: pytest.Item) -> str:
    return f"{Path(item.path).name}[{_parameters(item)}]"


def _parameters(item: pytest.Item) -> str:
    call = getattr(item, "callspec", None)
    return call.id if call else ""
