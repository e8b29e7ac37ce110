"""Requests that are broken off while they wait for the database harm no other: see broken_off."""

from tests.in_gevent import passes_in_gevent


def test_a_request_that_is_broken_off_harms_no_other_in_a_gevent_worker():
    passes_in_gevent("tests/db/broken_off.py")
