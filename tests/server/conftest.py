"""Gunicorn with myapi's worker class and the app of `odd_app.py`."""

import pytest


@pytest.fixture
def odd(serve):
    """Start a service with one worker and `odd_app`."""
    return lambda **options: serve(app="tests.server.odd_app:app", **options)
