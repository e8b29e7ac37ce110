"""Gunicorn with myapi's worker class and the app of `odd_app.py`."""

import pytest

from tests.service import Service


@pytest.fixture(scope="package", autouse=True)
def measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Service, "measured", True)
        yield


@pytest.fixture
def odd(serve):
    """Start a service with one worker and `odd_app`."""
    return lambda **options: serve(app="tests.server.odd_app:app", **options)
