"""One deadline for all that a request waits for MySQL: its queue, connecting, and answers."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.exc
from flask import g

from myapi.concurrency import bounded

REQUEST = 2.0  # s: 0.5 in the queue and 1.5 for an answer, so that a crowd is answered within 3 s


@contextmanager
def request_deadline() -> Iterator[None]:
    """Break the block off when the request has waited long enough, with a TimeoutError.

    In plain threads nothing can be broken off; there each wait has a bound of its own.
    """
    waited = g.get("database_seconds", 0.0)
    started = time.monotonic()
    if waited >= REQUEST:
        raise _too_long()
    try:
        with bounded(REQUEST - waited):
            yield
    except TimeoutError:
        raise _too_long() from None
    finally:
        g.database_seconds = waited + time.monotonic() - started


def _too_long() -> sqlalchemy.exc.TimeoutError:
    return sqlalchemy.exc.TimeoutError("the database takes too long for one request")
