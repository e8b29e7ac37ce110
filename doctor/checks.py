"""How a check is declared."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

from doctor.symptoms import SYMPTOMS
from doctor.target import Target
from doctor.texts import Text, join

STATUSES = ("ok", "warn", "fail", "skip")


class Finding(NamedTuple):
    """What a check has found. Without a `fix` of its own, the fix of the check is shown."""

    status: str
    evidence: Text
    fix: Text | None = None


ok = functools.partial(Finding, "ok")
warn = functools.partial(Finding, "warn")
fail = functools.partial(Finding, "fail")
skip = functools.partial(Finding, "skip")

Run = Callable[[Target], Finding]


class Check(NamedTuple):
    """`symptoms` are keys of SYMPTOMS; `fix` is what usually helps."""

    id: str
    run: Run
    symptoms: tuple[str, ...]
    fix: Text

    @property
    def symptom(self) -> Text:
        return join(SYMPTOMS[name].text for name in self.symptoms)


def check(*symptoms: str, fix: Text) -> Callable[[Run], Check]:
    """Make a check of a function. Its id is the function's name without a trailing underscore."""

    def declare(run: Run) -> Check:
        return Check(run.__name__.rstrip("_"), run, symptoms, fix)

    return declare
