"""Coverage of processes with greenlets, such as a worker's.

There coverage has to ask at each call which greenlet runs. All others are spared that: it takes as
long as the rest of coverage.
"""

from collections.abc import Mapping

from myapi.settings import ROOT

_CONFIG = "COVERAGE_PROCESS_CONFIG"  # coverage's own, for child processes
_OTHER = {
    "COVERAGE_PROCESS_START": str(ROOT / "tests/greenlets.coveragerc"),
    "COVERAGE_FILE": str(ROOT / ".coverage"),
}


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process with greenlets; it is to run in the checkout."""
    if _CONFIG not in inherited:
        return dict(inherited)
    return {**_OTHER, **{name: value for name, value in inherited.items() if name != _CONFIG}}
