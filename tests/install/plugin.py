"""Pytest hooks and the container fixture of the install test.

The tests of a file are one scenario: they share a container and run in order.
"""

import contextlib
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.install import former
from tests.install.archive import CACHE, System
from tests.install.container import sweep, unavailable
from tests.install.figures import pytest_sessionstart, pytest_terminal_summary
from tests.install.server import Server

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
    """On SIGTERM, clean up as after an interrupt."""

    def interrupt(*_signal: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Remove what killed parallel workers left behind."""
    sweep()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where no test may be skipped, deselect systems that cannot be built on this machine.

    The same for an upgrade from a release that is not in this copy of the repository.
    `make install-test` has printed which ones, and why.
    """
    if not config.getoption("nothing_skipped"):
        return
    if former.unavailable():
        items[:] = [item for item in items if Path(item.path).name != "test_upgrade.py"]
    known = CACHE / "systems.json"
    if not known.exists():
        return
    unavailable_suites = {
        suite for suite, reason in json.loads(known.read_text()).items() if reason
    }
    items[:] = [item for item in items if _parameters(item) not in unavailable_suites]


@pytest.fixture(scope="module")
def booted() -> Iterator[Callable[[System], Server]]:
    """Boot a system; it is removed after the tests of the file."""
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
        _FAILED.add(_scenario(item))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Stop a scenario at its first failure, because later tests depend on earlier ones."""
    if _scenario(item) in _FAILED:
        pytest.fail("an earlier test of this file failed", pytrace=False)


_FAILED: set[str] = set()


def _scenario(item: pytest.Item) -> str:
    return f"{Path(item.path).name}[{_parameters(item)}]"


def _parameters(item: pytest.Item) -> str:
    call = getattr(item, "callspec", None)
    return call.id if call else ""
