"""How a check is declared."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from doctor.symptoms import SYMPTOMS
from doctor.target import Target
from doctor.texts import Text, join

STATUSES = ("ok", "warn", "fail", "skip")


class Finding(NamedTuple):
    """What a check has found. `fix` and `fault` replace those of the check.

    `independent`: the failure has a cause of its own, whatever else fails.
    """

    status: str
    evidence: Text
    fix: Text | None = None
    fault: Text | None = None
    independent: bool = False


ok = functools.partial(Finding, "ok")
warn = functools.partial(Finding, "warn")
fail = functools.partial(Finding, "fail")
skip = functools.partial(Finding, "skip")

Run = Callable[[Target], Finding]
Need = Callable[[Target], "Text | None"]


class Check(NamedTuple):
    """`symptoms` are keys of SYMPTOMS; `fix` is what usually helps.

    `fault` says in a few words what is wrong if it fails. `stops` is what then no longer works:
    "phones" (every call), "logins", or "nothing". If one of the checks `follows` fails too, this
    failure is its consequence.
    """

    id: str
    run: Run
    symptoms: tuple[str, ...]
    fix: Text
    fault: Text
    stops: str = "phones"
    follows: tuple[str, ...] = ()

    @property
    def symptom(self) -> Text:
        return join(SYMPTOMS[name].text for name in self.symptoms)


def check(
    *symptoms: str,
    fault: Text,
    fix: Text,
    stops: str = "phones",
    needs: Sequence[Need] = (),
    follows: Sequence[str] = (),
) -> Callable[[Run], Check]:
    """Make a check of a function. Its id is the function's name without a trailing underscore.

    `needs` (see needs.py) say what must be there first; without it the check is skipped.
    """

    def declare(run: Run) -> Check:
        @functools.wraps(run)
        def run_if_possible(target: Target) -> Finding:
            missing = next(filter(None, (need(target) for need in needs)), None)
            return run(target) if missing is None else skip(missing)

        name = run.__name__.rstrip("_")
        return Check(name, run_if_possible, symptoms, fix, fault, stops, tuple(follows))

    return declare
