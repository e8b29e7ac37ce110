"""Gunicorn with the worker and an app that is odd."""

import pytest


@pytest.fixture
def odd(serve):
    """Start a service of one worker with `odd_app`."""
    return lambda **options: serve(app="tests.server.odd_app:app", **options)
