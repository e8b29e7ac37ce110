"""Which thread has the turn: one at a time, and not one that waits for somebody."""

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

log = logging.getLogger("gunicorn.error")

TICK = 0.005  # s between two looks at whether who has the turn gets on
CALM = 4  # looks without work, after which nobody looks until there is some
SHORTAGE = 5.0  # s without another try to make a thread, after the system has allowed no more


class Work(Protocol):
    """What is done by who has the turn, and how to be told of something while it lasts."""

    def run_once(self) -> None: ...

    def look(self) -> bool:
        """Tell whether something has come that goes before those who have come back."""

    def tend(self) -> None:
        """See to what cannot wait while no thread has the turn."""

    def wake(self) -> None:
        """End a wait for work; any thread may call this."""

    def tell_once_readable(self, sock: socket.socket, then: Callable[[], None]) -> None: ...

    def forget(self, sock: socket.socket) -> None:
        """Tell no more, if it has not been told."""


class Turns:
    """Has one thread at a time `run_once`, again and again, until it loses the turn.

    Up to `most` threads are made, each when it is first needed. Who passes the turn on, since it
    waits, comes back for it and goes on where it was. Who has lost it otherwise finishes what it
    has in hand, and rests; the last to rest is the first to be called again, since its stack is
    still in the processor's cache.
    """

    def __init__(self, work: Work, most: int) -> None:
        self._work = work
        self._wanted = most
        self._short_until = 0.0
        self._lock = threading.Lock()
        self._made = 0
        self._holder: _Thread | None = None
        self._resting: list[_Thread] = []
        self._back: deque[_Thread] = deque()
        self._has_news = False
        self._begun = 0
        self._in_hand = 0  # the number of the piece of work that the holder does; 0 for none
        self._unwatched = False
        self._still = threading.Lock()  # released when something happens

    def begin(self) -> None:
        with self._lock:
            self._give()

    # ---- for the threads ----

    @property
    def is_mine(self) -> bool:
        return self._holder is threading.current_thread()

    @property
    def most(self) -> int:
        """How many threads there may be: for a while no more than there are, in a shortage."""
        return self._wanted if time.monotonic() > self._short_until else self._made

    @property
    def free(self) -> int:
        """How many threads could be given the turn."""
        return len(self._resting) + self.most - self._made

    @property
    def is_wanted(self) -> bool:
        """Whether somebody has come back for it."""
        return bool(self._back)

    def take_in_hand(self) -> None:
        """Tell that the holder begins a piece of work, which is to be short."""
        if not self.is_mine:  # it was taken just now
            return
        self._begun += 1
        self._in_hand = self._begun
        if self._unwatched:
            self._unwatched = False
            self.stir()

    def put_down(self) -> None:
        """Tell that the holder has no work, and may wait for some."""
        if self.is_mine:
            self._in_hand = 0

    def pass_on(self) -> None:
        """Let another thread go on, if this one has the turn: it is about to wait."""
        if self.is_mine:
            self._look()
            self._take_from(threading.current_thread())

    def give_way(self) -> None:
        """Let others go first, if this thread has the turn and something has come for them."""
        me = threading.current_thread()
        if not (isinstance(me, _Thread) and self._holder is me and self._look()):
            return
        with self._lock:
            if self._holder is not me:  # it was taken just now
                return
            self._back.appendleft(me)
            self._give()
        me.go_on.acquire()
        self.take_in_hand()

    def come_back(self, *, first: bool = False) -> None:
        """Wait until this thread has the turn again."""
        me = threading.current_thread()
        if not isinstance(me, _Thread) or self._holder is me:
            return
        with self._lock:
            self._bring_back(me, first=first)
        me.go_on.acquire()
        self.take_in_hand()

    def signal(self) -> "_Signal":
        """Make something to wait for. Who gets it from a `wait` has the turn again."""
        return _Signal(self)

    def until_readable(self, sock: socket.socket, seconds: float) -> None:
        """Let others go on until there is something to read, or the time is up."""
        if isinstance(threading.current_thread(), _Thread):
            readable = self.signal()
            self._work.tell_once_readable(sock, readable.set)
            if not readable.wait(seconds):
                self._work.forget(sock)

    # ---- for the main thread ----

    def watch(self, seconds: float) -> None:
        """Take the turn from who waits without having said so; do that for so long at most.

        And see what comes while all threads wait: one of them may wait for just that.
        """
        until = time.monotonic() + seconds
        self._still.acquire(blocking=False)
        self._unwatched = True
        if not self._in_hand and not self._still.acquire(timeout=seconds):
            return
        self._unwatched = False
        seen = calm = 0
        while calm < CALM and time.monotonic() < until:
            time.sleep(TICK)
            holder, in_hand = self._holder, self._in_hand
            if holder is None:
                self._tend()
            elif in_hand and in_hand == seen:
                self._take_from(holder)
            seen = in_hand
            calm = 0 if in_hand else calm + 1

    def stir(self) -> None:
        """End a `watch` that waits for work. A signal's handler may call this.

        So it is a plain lock: an Event has one within, which the main thread may hold just then.
        """
        with suppress(RuntimeError):  # it has been released already
            self._still.release()

    # ---- within ----

    def _tend(self) -> None:
        try:
            self._work.tend()
        except Exception:
            log.exception("the worker's loop failed")

    def _look(self) -> bool:
        """Have what has come go before who has come back; for who has the turn, without a lock."""
        try:
            self._has_news = self._work.look()
        except Exception:
            log.exception("the worker's loop failed")
        return self._has_news

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
        to_the_loop, self._has_news = self._has_news and self.free, False
        if self._back and not to_the_loop:
            self._call(self._back.popleft())
        elif self._resting:
            self._call(self._resting.pop())
        elif self._made < self.most and self._start_thread():
            pass
        elif self._back:
            self._call(self._back.popleft())
        else:
            self._holder = None

    def _start_thread(self) -> bool:
        thread = _Thread(self._live, self._made + 1)
        self._holder = thread  # as it finds when it starts
        try:
            thread.start()
        except RuntimeError:  # the system allows no more just now
            if not self._made:
                raise  # and Gunicorn starts another worker
            log.warning("the worker has %d threads, and gets no more", self._made)
            self._short_until = time.monotonic() + SHORTAGE
            return False
        self._made += 1
        return True

    def _bring_back(self, thread: "_Thread", *, first: bool = False) -> None:
        if self._holder is None:
            self._call(thread)
            return
        (self._back.appendleft if first else self._back.append)(thread)
        if not self._in_hand and self._holder is not threading.current_thread():
            self._work.wake()

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
            self._work.run_once()
        except BaseException:  # whatever it is, it ends none of our threads
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


class _Signal:
    """See `waits`. A thread that never has the turn may wait too."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._lock = turns._lock
        self._is_set = False
        self._who: _Thread | _Stranger | None = None

    def set(self, *, first: bool = False) -> None:
        with self._lock:
            who, self._who = self._who, None
            if who is None:
                self._is_set = True
            elif isinstance(who, _Thread):
                self._turns._bring_back(who, first=first)
            else:
                who.go_on.release()

    def wait(self, seconds: float) -> bool:
        thread = threading.current_thread()
        me = thread if isinstance(thread, _Thread) else _Stranger()
        if self._turns.is_mine and not self._is_set and seconds:
            self._turns._look()
        with self._lock:
            if self._is_set or not seconds:
                was_set, self._is_set = self._is_set, False
                return was_set
            self._who = me
            if self._turns._holder is me:
                self._turns._give()
        if not me.go_on.acquire(timeout=seconds):
            with self._lock:
                late, self._who = self._who is me, None
            if late:
                self._turns.come_back()
                return False
            me.go_on.acquire()  # it was called at this very moment
        if me is thread:
            self._turns.take_in_hand()
        return True


class _Stranger:
    def __init__(self) -> None:
        self.go_on = threading.Lock()
        self.go_on.acquire()
