"""Which thread has the turn: one at a time, and not one that waits for somebody."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

log = logging.getLogger("gunicorn.error")

TICK = 0.005  # s between two looks at whether who has the turn gets on
CALM = 4  # looks without work, after which nobody looks until there is some
GUESTS = 4  # threads that have come back, one after the other, before somebody looks for new work


class Turns:
    """Has one thread at a time call `work`, again and again, until it loses the turn.

    Up to `most` threads are made, each when it is first needed. Who passes the turn on, since it
    waits, comes back for it and goes on where it was. Who has lost it otherwise finishes what it
    has in hand, and rests; the last to rest is the first to be called again, since its stack is
    still in the processor's cache.
    """

    def __init__(self, work: Callable[[], None], wake: Callable[[], None], most: int) -> None:
        """`wake` is called, from any thread, to end a wait for work."""
        self._work, self._wake = work, wake
        self._most = most
        self._lock = threading.Lock()
        self._made = 0
        self._holder: _Thread | None = None
        self._resting: list[_Thread] = []
        self._back: deque[_Thread] = deque()
        self._guests = 0
        self._begun = 0
        self._in_hand = 0  # the number of the piece of work that the holder does; 0 for none
        self._unwatched = False
        self._stirred = threading.Event()

    def begin(self) -> None:
        with self._lock:
            self._give()

    # ---- for the threads ----

    @property
    def is_mine(self) -> bool:
        return self._holder is threading.current_thread()

    @property
    def is_wanted(self) -> bool:
        """Whether somebody has come back for it."""
        return bool(self._back)

    def take_in_hand(self) -> None:
        """Tell that the holder begins a piece of work, which is to be short."""
        self._begun += 1
        self._in_hand = self._begun
        if self._unwatched:
            self._unwatched = False
            self._stirred.set()

    def put_down(self) -> None:
        """Tell that the holder has no work, and may wait for some."""
        self._in_hand = 0
        self._guests = 0

    def pass_on(self) -> None:
        """Let another thread go on, if this one has the turn: it is about to wait."""
        self._take_from(threading.current_thread())

    def come_back(self) -> None:
        """Wait until this thread has the turn again."""
        me = threading.current_thread()
        if not isinstance(me, _Thread) or self._holder is me:
            return
        with self._lock:
            is_free = self._holder is None
            if is_free:
                self._holder = me
            else:
                self._back.append(me)
                if not self._in_hand:
                    self._wake()
        if not is_free:
            me.go_on.acquire()
        self.take_in_hand()

    # ---- for the main thread ----

    def watch(self, seconds: float) -> None:
        """Take the turn from who waits without having said so; do that for so long at most."""
        until = time.monotonic() + seconds
        self._stirred.clear()
        self._unwatched = True
        if not self._in_hand and not self._stirred.wait(seconds):
            return
        self._unwatched = False
        seen = calm = 0
        while calm < CALM and time.monotonic() < until:
            time.sleep(TICK)
            holder, in_hand = self._holder, self._in_hand
            if in_hand and in_hand == seen:
                self._take_from(holder)
            seen = in_hand
            calm = 0 if in_hand else calm + 1

    def stir(self) -> None:
        """End a `watch` that waits for work."""
        self._stirred.set()

    # ---- within ----

    def _take_from(self, thread: threading.Thread | None) -> None:
        if self._holder is not thread:
            return
        with self._lock:
            if self._holder is thread:
                self._give()

    def _give(self) -> None:
        """Give the turn to who has come back for it, or to who looks for new work.

        Where there is neither, the first that is done takes it.
        """
        if self._back and (self._guests < GUESTS or not self._has_free()):
            self._guests += 1
            self._call(self._back.popleft())
        elif self._resting:
            self._call(self._resting.pop())
        elif self._made < self._most:
            self._made += 1
            self._holder = _Thread(self._live, self._made)
            self._holder.start()
        else:
            self._holder = None

    def _has_free(self) -> bool:
        return bool(self._resting) or self._made < self._most

    def _call(self, thread: "_Thread") -> None:
        self._holder = thread
        thread.go_on.release()

    def _live(self, me: "_Thread") -> None:
        while True:
            while self._holder is me:
                self._do_some(me)
            with self._lock:
                if self._holder is None:
                    self._holder = me
                    continue
                self._resting.append(me)
            me.go_on.acquire()

    def _do_some(self, me: "_Thread") -> None:
        try:
            self._work()
        except Exception:
            log.exception("the worker's loop failed")
            time.sleep(0.1)  # or it might fail without a pause
        if self._back:
            self._take_from(me)


class _Thread(threading.Thread):
    def __init__(self, live: Callable[["_Thread"], None], number: int) -> None:
        super().__init__(name=f"turn-{number}", daemon=True)
        self._live = live
        self.go_on = threading.Lock()
        self.go_on.acquire()

    def run(self) -> None:
        self._live(self)
