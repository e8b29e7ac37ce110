"""Counts of a rate limit, kept in the memory of one process."""

import threading
import time
from typing import Any

from limits.storage import Storage

SWEEP_EVERY = 60.0  # s


class Counters(Storage):
    """Fixed windows for `limits`, as `counters://`.

    Its own `memory://` starts a thread for every few calls, each of which looks at every key:
    under a flood of logins from many addresses that costs more than the logins.
    """

    STORAGE_SCHEME = ["counters"]  # noqa: RUF012 (as the library has it)

    def __init__(self, uri: str | None = None, **options: Any) -> None:  # noqa: ANN401
        super().__init__(uri, **options)
        self._lock = threading.Lock()
        # By key: when it ends by the monotonic clock, which is never put right, and the count.
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
