"""From what a phone shows to the checks that find the cause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from doctor.checks import Check
from doctor.examination import Result
from doctor.symptoms import SYMPTOMS
from doctor.texts import EMPTY, Text, join

MOST = 3  # causes that are shown

#: Ids of checks, the most frequent cause first; they decide between checks that explain equally
#: much. Those of `flask doctor` are among them.
FREQUENT = (
    *("url", "chain", "self_signed", "dates", "name", "port", "tls", "icp", "latency", "gateway"),
    *("route", "app", "account", "database", "settings", "dns", "tls_versions", "ipv6"),
)


class Explanation(NamedTuple):
    """`meaning` is what the phone shows in WeChat's words; `causes` the likeliest checks first."""

    meaning: Text
    causes: list[Result]


def explain(text: str, checks: Sequence[Check]) -> Explanation:
    """Explain what a phone shows; without causes if no check is about it."""
    found = _symptoms_in(text)
    causes = [one for one in checks if found & set(one.symptoms)]
    causes.sort(key=lambda one: (-len(found & set(one.symptoms)), _rank(one)))
    results = [Result(one.id, "skip", one.symptom, EMPTY, one.fix) for one in causes[:MOST]]
    return Explanation(join(SYMPTOMS[name].text for name in SYMPTOMS if name in found), results)


def _symptoms_in(text: str) -> set[str]:
    """Every failure begins with request:fail, so that counts only if there is nothing else."""
    found = {name for name, s in SYMPTOMS.items() if re.search(s.wordings, text, re.IGNORECASE)}
    return found - {"network"} or found


def _rank(one: Check) -> int:
    return FREQUENT.index(one.id) if one.id in FREQUENT else len(FREQUENT)
