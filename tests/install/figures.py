"""The figures of a run, printed at its end as a table and kept in a file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.install.archive import CACHE

LINES = CACHE / "figures.jsonl"
TABLE = CACHE / "figures.md"


def figure(system: str, what: str, value: object) -> None:
    """Record a figure as one line, so that parallel workers can share the file."""
    with LINES.open("a", encoding="utf-8") as file:
        file.write(json.dumps([system, what, value]) + "\n")


def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):  # not a parallel worker
        LINES.unlink(missing_ok=True)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not LINES.exists():
        return
    rows = [json.loads(line) for line in LINES.read_text("utf-8").splitlines()]
    table = ["| system | what | figure |", "|---|---|---|"]
    table += [f"| {system} | {what} | {value} |" for system, what, value in sorted_(rows)]
    TABLE.write_text("\n".join(table) + "\n", "utf-8")
    terminalreporter.section("install test figures")
    for line in table:
        terminalreporter.line(line)


def sorted_(rows: list[list[str]]) -> list[list[str]]:
    return sorted(rows, key=lambda row: row[0])
