"""The few places where the app meets gevent. Elsewhere it is ordinary blocking code."""

import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

GATE_WAIT = 0.02  # s
GATE_QUEUE = 0.5  # s that a caller waits for those who came before it

_gate = threading.Lock()


def bounded(seconds: float) -> AbstractContextManager[None]:
    """Break off what is done inside after `seconds`, by a TimeoutError, in a gevent worker.

    Whatever waits there can be broken off: a name look-up, a socket, a lock, a sleep. In plain
    threads (commands, `flask run`, tests) nothing can, and this does nothing.
    """
    return _bounded_by_gevent(seconds) if _in_gevent() else nullcontext()


def let_reads_first() -> None:
    """Before work that takes long or locks, let the requests that are ready go first.

    Only one caller waits so at a time, until the loop is idle or for 20 ms; the others queue, for
    half a second at most, so a flood of reads holds up no write for long. In plain threads this
    does nothing.
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
    """Whether gevent has patched the sockets of this process. Does not import it."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("socket"))


@contextmanager
def _bounded_by_gevent(seconds: float) -> Iterator[None]:
    import gevent  # is imported already, where it has patched anything

    # False: the `with` ends quietly. What is raised inside is gevent's own BaseException, which
    # no library takes for an error of the network that it may handle and go on.
    with gevent.Timeout(seconds, False):
        yield
        return
    raise TimeoutError("the time is up")
