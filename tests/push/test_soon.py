"""A worker handles events beside its requests."""

from tests.in_gevent import passes_in_gevent


def test_events_hold_up_no_request_of_a_gevent_worker():
    passes_in_gevent("tests/push/soon_cases.py")
