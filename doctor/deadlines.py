"""How long the doctor waits. A deadline is a value of time.monotonic()."""

from __future__ import annotations

import time

TOTAL = 20.0  # s for all checks together, whatever the server does
STEP = 6.0  # s for one step: look up the name, connect, shake hands and read the response


def remaining(deadline: float) -> float:
    """Return the seconds that are left. Raises TimeoutError if there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is over")
    return left
