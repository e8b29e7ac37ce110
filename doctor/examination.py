"""Running the checks, and what comes of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from doctor.checks import Check, Finding, skip
from doctor.target import Target
from doctor.texts import EMPTY, Text, printable, system_language


class Result(NamedTuple):
    """What a check has found, with the symptom and the fix to show.

    `fault` and `stops` are as in Check; `follows` is the id of the check whose failure explains
    this one's.
    """

    id: str
    status: str
    symptom: Text
    evidence: Text
    fix: Text
    fault: Text = EMPTY
    stops: str = "phones"
    follows: str = ""

    def as_dict(self, language: str) -> dict[str, str]:
        texts = {"symptom": self.symptom, "evidence": self.evidence, "fix": self.fix}
        translated = {name: text.in_language(language) for name, text in texts.items()}
        return {"id": self.id, "status": self.status, **translated}


def select(checks: Sequence[Check], only: Iterable[str]) -> list[Check]:
    """Pick checks by id; a text may list several with commas. Raises ValueError if unknown."""
    ids = {part.strip() for text in only for part in text.split(",") if part.strip()}
    unknown = ids - {one.id for one in checks}
    if unknown:
        names = ", ".join(sorted(unknown))
        message = Text(f"no such check: {names}", f"没有这个检查项：{names}")
        raise ValueError(message.in_language(system_language()))
    return [one for one in checks if not ids or one.id in ids]


def examine(target: Target, checks: Sequence[Check]) -> list[Result]:
    """Run all checks at the same time, and skip those that are not done at the deadline.

    Each runs in a daemon thread, so that one that hangs (a name server can) delays neither the
    others nor the exit of the program.
    """
    found: dict[str, Finding] = {}

    def run(one: Check) -> None:
        try:
            found[one.id] = one.run(target)
        except Exception as error:  # a response that nobody thought of must not end the run
            what = printable(f"{type(error).__name__}: {error}")
            found[one.id] = skip(Text(f"cannot judge: {what}", f"无法判断：{what}"))

    threads = [threading.Thread(target=run, args=(one,), daemon=True) for one in checks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, target.deadline - time.monotonic()))
    timeout = f"{target.timeout:g}"
    late = skip(Text(f"no result after {timeout} s", f"{timeout} 秒后仍无结果"))
    findings = {one.id: found.get(one.id, late) for one in checks}
    results = [_result(one, findings[one.id], target.secrets) for one in checks]
    follows = {one.id: () if findings[one.id].independent else one.follows for one in checks}
    return _with_roots(results, follows)


def _result(one: Check, finding: Finding, secrets: Iterable[str]) -> Result:
    needs_fix = finding.status in ("warn", "fail")
    fix = (finding.fix or one.fix) if needs_fix else EMPTY
    evidence, fix = (_mask(text, secrets) for text in (finding.evidence, fix))
    fault = (finding.fault or one.fault) if needs_fix else EMPTY
    return Result(one.id, finding.status, one.symptom, evidence, fix, fault, one.stops)


def _mask(text: Text, secrets: Iterable[str]) -> Text:
    for secret in filter(None, secrets):
        text = Text(text.en.replace(secret, "***"), text.zh.replace(secret, "***"))
    return text


def _with_roots(results: Sequence[Result], follows: Mapping[str, Sequence[str]]) -> list[Result]:
    """Say of each failure that follows from another one from which it does."""
    failed = {each.id for each in results if each.status == "fail"}

    def root(name: str) -> str:
        above = next((each for each in follows[name] if each in failed), "")
        return root(above) or above if above else ""

    return [
        each._replace(follows=root(each.id)) if each.status in ("warn", "fail") else each
        for each in results
    ]


def verdict(results: Iterable[Result]) -> str:
    """Return the worst status: ok, warn or fail. What could not be judged does not count."""
    statuses = {result.status for result in results}
    return next((status for status in ("fail", "warn") if status in statuses), "ok")


def exit_status(verdict: str) -> int:
    return ("ok", "warn", "fail").index(verdict)
