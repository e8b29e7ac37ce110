"""Counts of a rate limit, kept in the memory of one process."""

import threading
import time

from limits.storage import Storage

SWEEP_EVERY = 60.0  # s


class Counters(Storage):
    """A storage for `limits`: fixed windows, counted in this process.

    The library's own MemoryStorage scans all keys every 10 ms while it is used: under a flood of
    logins from many addresses the scans take longer than the logins.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        # Key → when the window ends (`time.monotonic()`, which is never set back), and the count.
        self._windows: dict[str, tuple[float, int]] = {}
        self._sweep_at = time.monotonic() + SWEEP_EVERY

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count `amount` more in the window of a key, which lasts `expiry` seconds; return all."""
        moment = time.monotonic()
        with self._lock:
            if moment >= self._sweep_at:
                self._sweep(moment)
            end, count = self._windows.get(key, (0.0, 0))
            if end <= moment:
                end, count = moment + expiry, 0
            self._windows[key] = end, count + amount
        return count + amount

    def get(self, key: str) -> int:
        end, count = self._windows.get(key, (0.0, 0))
        return count if end > time.monotonic() else 0

    def get_expiry(self, key: str) -> float:
        """Return when the window of a key ends, in seconds since 1970."""
        end, _ = self._windows.get(key, (0.0, 0))
        return time.time() + max(0.0, end - time.monotonic())

    def clear(self, key: str) -> None:
        with self._lock:
            self._windows.pop(key, None)

    def reset(self) -> int:
        with self._lock:
            count = len(self._windows)
            self._windows.clear()
        return count

    def check(self) -> bool:
        return True

    def _sweep(self, moment: float) -> None:
        self._windows = {key: window for key, window in self._windows.items() if window[0] > moment}
        self._sweep_at = moment + SWEEP_EVERY
