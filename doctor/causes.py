"""From what a phone shows to the checks that find the cause."""

from __future__ import annotations

import re
from collections.abc import Sequence

from doctor.checks import Check
from doctor.examination import Result
from doctor.symptoms import SYMPTOMS
from doctor.texts import EMPTY


def explain(text: str, checks: Sequence[Check]) -> list[Result]:
    """Return the checks whose symptoms are in `text`, those with most of them first."""
    matched = {name for name, s in SYMPTOMS.items() if re.search(s.wordings, text, re.IGNORECASE)}
    causes = [one for one in checks if matched & set(one.symptoms)]
    causes.sort(key=lambda one: (-len(matched & set(one.symptoms)), _place(one, matched)))
    return [Result(one.id, "skip", one.symptom, EMPTY, one.fix) for one in causes]


def _place(one: Check, matched: set[str]) -> int:
    """Return the place of the first matched symptom; a check names its most typical one first."""
    return min(place for place, name in enumerate(one.symptoms) if name in matched)
