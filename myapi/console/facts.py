"""What the overview says of the service. What is not known is None, and the page says so."""

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask import current_app

from myapi.audit import hours
from myapi.clock import now
from myapi.console.language import language
from myapi.db import reports, schema_version
from myapi.db.transactions import reading
from myapi.messages import listings as messages
from myapi.observability.hourly import beginning_of_hour
from myapi.push import listings as events
from myapi.settings import ROOT
from myapi.users import total

DAY = timedelta(days=1)
RELEASE = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")  # a folder that `deploy/myapi` makes
BACKUP_IS_OLD = timedelta(hours=36)
WECHAT = "wechat."


class Finding(NamedTuple):
    """What a check of the doctor has found."""

    status: str
    symptom: str
    evidence: str
    fix: str


class Doctor(NamedTuple):
    at: datetime
    findings: list[Finding]  # failures and warnings
    certificate: str | None  # the evidence of the check of its dates


class Facts(NamedTuple):
    users: int
    new_today: int
    counts: dict[datetime, Counter[str]]  # of the last 24 hours
    wechat_calls: int
    wechat_errors: list[tuple[str, int]]  # by the error's name, the most frequent first
    token_at: datetime | None
    token_ends_at: datetime | None
    events_waiting: int
    events_failed: int
    messages_failed: int
    messages_late: int
    backup: reports.Latest | None
    backup_is_old: bool
    doctor: Doctor | None
    version: str
    release: str | None
    revision: str


def gather() -> Facts:
    at = now()
    counts = hours.by_hour(beginning_of_hour(at) - DAY + timedelta(hours=1))
    wechat = _sum(counts, WECHAT)
    calls = sum(wechat.values())
    errors = [(name, count) for name, count in wechat.most_common() if name != "ok"]
    token, _ = current_app.extensions["token_store"].load()
    failed, _ = events.backlog()
    messages_failed, messages_late = messages.backlog()
    backup = reports.latest(reports.BACKUP)
    with reading() as connection:
        revision = ", ".join(sorted(schema_version.applied(connection)))
    return Facts(
        users=total.count(),
        new_today=hours.sum_since(_midnight(at), total.SIGNUP),
        counts=counts,
        wechat_calls=calls,
        wechat_errors=errors,
        token_at=token.fetched_at if token.token else None,
        token_ends_at=token.expires_at,
        events_waiting=events.waiting(),
        events_failed=failed,
        messages_failed=messages_failed,
        messages_late=messages_late,
        backup=backup,
        backup_is_old=backup is not None and backup.at < at - BACKUP_IS_OLD,
        doctor=_doctor(),
        version=_version(),
        release=ROOT.name if RELEASE.fullmatch(ROOT.name) else None,
        revision=revision,
    )


def _midnight(at: datetime) -> datetime:
    """Return when the day began where the server is."""
    return at.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)


def _sum(counts: dict[datetime, Counter[str]], prefix: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for hour in counts.values():
        for name, count in hour.items():
            if name.startswith(prefix):
                found[name.removeprefix(prefix)] += count
    return found


def _doctor() -> Doctor | None:
    report = reports.latest(reports.DOCTOR)
    if report is None:
        return None
    checks: list[dict[str, Any]] = report.content["checks"][language()]
    findings = [
        Finding(each["status"], each["symptom"], each["evidence"], each["fix"])
        for status in ("fail", "warn")
        for each in checks
        if each["status"] == status
    ]
    dates = (each["evidence"] for each in checks if each["id"] == "dates")
    return Doctor(report.at, findings, next(dates, None))


def _version() -> str:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "([^"]+)"', text, re.MULTILINE)
    return found[1] if found else "?"
