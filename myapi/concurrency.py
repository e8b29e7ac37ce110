"""The few places where the app meets gevent. All other code is ordinary blocking code.

A gevent worker has one thread for all requests. They take turns whenever one waits for a socket, a
lock or a sleep. Commands, `flask run` and tests run the same code in plain threads.
"""

import functools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

GATE_WAIT = 0.02  # s
GATE_QUEUE = 0.5  # s that a caller waits for its turn
THREADS = 2  # real ones for `off_loop`, in each process
QUEUE = 16  # calls that may wait for one of them

_gate = threading.Lock()


class Busy(Exception):  # noqa: N818
    """All threads of `off_loop` are taken, and so are the places in their queue."""


class OutOfTime(Exception):  # noqa: N818
    """The call took longer than its limit."""


def off_loop(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a real thread; return what it returns, raise what it raises.

        picture = off_loop(decode, data)

    Use it for what computes, or blocks in C, for more than about 20 ms: meanwhile other requests
    are served. The function gets its arguments and nothing else: it must not use the database, the
    request, or sockets, locks and sleeps. In plain threads this is a plain call. Raises `Busy`.
    """
    if not _in_gevent():
        return function(*args, **kwargs)
    pool, places = _thread_pool()
    if not places.acquire(blocking=False):
        raise Busy
    try:
        result: T = pool.apply(function, args, kwargs)
    finally:
        places.release()
    return result


def bounded(seconds: float) -> AbstractContextManager[None]:
    """Break the block off after `seconds` with a TimeoutError, in a gevent worker.

    This bounds every wait inside: a name look-up, a socket, a lock, a sleep. In plain threads
    nothing can be broken off, and this does nothing.
    """
    return _bounded_by_gevent(seconds) if _in_gevent() else nullcontext()


def time_limited(function: Callable[P, T], seconds: float) -> Callable[P, T]:
    """Return `function` with a limit: in a gevent worker it then raises `OutOfTime`.

    Whatever waits is broken off, as by `bounded`. What computes cannot be, and raises at its end.
    """
    if not _in_gevent():
        return function
    import gevent

    @functools.wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        end = time.monotonic() + seconds
        with gevent.Timeout(seconds, False):
            result = function(*args, **kwargs)
            if time.monotonic() < end:
                return result
        raise OutOfTime

    return limited


class FewWait:
    """Lets a few requests of a process wait for what another one is doing; the rest look once."""

    def __init__(self, at_most: int) -> None:
        self._places = threading.BoundedSemaphore(at_most)

    def until(self, look: Callable[[], T], *, seconds: float, pause: float) -> T:
        """Call `look` until it returns something, with pauses; return None when time is up."""
        may_wait = self._places.acquire(blocking=False)
        deadline = time.monotonic() + (seconds if may_wait else 0)
        try:
            while (found := look()) is None and time.monotonic() < deadline:
                time.sleep(pause)
            return found
        finally:
            if may_wait:
                self._places.release()


def let_reads_first() -> None:
    """Before work that takes long or locks, let the requests that are ready go first.

    One caller at a time waits so, until the loop is idle or for 20 ms; the others queue, for half a
    second at most: a flood of reads cannot hold up all writes. In plain threads this does nothing.
    """
    if _in_gevent():
        import gevent

        if _gate.acquire(timeout=GATE_QUEUE):
            try:
                with gevent.Timeout(GATE_WAIT, False):
                    gevent.idle()
            finally:
                _gate.release()


def _in_gevent() -> bool:
    """Whether gevent has patched this process. It is not imported to find out."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("socket"))


@contextmanager
def _bounded_by_gevent(seconds: float) -> Iterator[None]:
    import gevent

    # With False the block ends without an exception. What is raised inside it is a BaseException,
    # so no library can take it for a network error and go on.
    with gevent.Timeout(seconds, False):
        yield
        return
    raise TimeoutError("the time is up")


@functools.cache
def _thread_pool() -> tuple[Any, threading.BoundedSemaphore]:
    """Make the threads at the first use, after any fork.

    They are not those of gevent's hub, in which name look-ups may be stuck.
    """
    from gevent.threadpool import ThreadPool

    return ThreadPool(THREADS), threading.BoundedSemaphore(THREADS + QUEUE)
