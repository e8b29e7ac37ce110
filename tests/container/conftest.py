"""The container test takes minutes and needs root, so it runs only with `make container-test`."""

import os

import pytest

if os.environ.get("MYAPI_CONTAINER_TEST"):
    from tests.install.figures import (  # noqa: F401 (hooks)
        pytest_sessionstart,
        pytest_terminal_summary,
    )
else:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session", autouse=True)
def prepared():
    """Build the image and what it is tested with, once. The tests ask for nothing else."""
    from tests.container import machine
    from tests.install.archive import UnavailableError

    try:
        machine.prepare()
    except UnavailableError as error:
        pytest.skip(str(error))
