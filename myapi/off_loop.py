"""A way out of the worker's loop, for work that would stop all other requests.

    picture = off_loop(decode, data)

In a gevent worker one thread serves all requests. They take turns wherever one waits for a
socket, a lock or a sleep; a computation, or a C library that waits by itself, lets nobody else
go on. What takes more than about 20 ms of that goes through here.
"""

import functools
import sys
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 2  # real ones, in each process
QUEUE = 16  # calls that may wait for one


class Busy(Exception):  # noqa: N818
    """All threads are taken, and so are the places of those that wait for one."""


def off_loop(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a real thread, and return or raise what it does.

    Other requests are served meanwhile. The function gets its arguments and nothing else: it
    must use no database, request context or anything that gevent has patched (sockets, locks,
    sleep). Outside of a gevent worker this is a plain call. Raises `Busy`.
    """
    if not _is_in_gevent_worker():
        return function(*args, **kwargs)
    pool, places = _pool()
    if not places.acquire(blocking=False):
        raise Busy
    try:
        result: T = pool.apply(function, args, kwargs)
    finally:
        places.release()
    return result


def _is_in_gevent_worker() -> bool:
    """Ask gevent only where somebody has loaded it, which is where it has patched."""
    monkey: Any = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


@functools.cache
def _pool() -> tuple[Any, threading.BoundedSemaphore]:
    """Make the threads at their first use, so after any fork.

    They are not those of gevent's hub, in which name look-ups may be stuck.
    """
    from gevent.threadpool import ThreadPool

    return ThreadPool(THREADS), threading.BoundedSemaphore(THREADS + QUEUE)
