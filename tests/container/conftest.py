"""The container test takes minutes and needs root, so it runs only with `make container-test`."""

import os

import pytest

if not os.environ.get("MYAPI_CONTAINER_TEST"):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session", autouse=True)
def prepared():
    from tests.container import machine
    from tests.install.archive import UnavailableError

    try:
        machine.prepare()
    except UnavailableError as error:
        pytest.skip(str(error))
