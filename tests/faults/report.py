"""A pytest plugin: tables at the end of a run with the effect of each fault and interruption.

The rows are passed as properties of the tests, which also works with parallel workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

PROPERTY = "fault"
INTERRUPTED = "interrupted"  # the property of a row in the second table
LONG = "faults_long"
HEADS = (
    "fault",
    "requests a second",
    "sent",
    "answered well",
    "refused by name",
    "failed otherwise",
    "slowest (s)",
    "writes acknowledged",
    "of these lost",
    "well again after (s)",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--faults-report", metavar="FILE", help="also write the table to FILE")
    group.addoption("--kills", type=int, default=5, help="how often a command is killed")
    group.addoption("--faults-long", action="store_true", help="also run the long scenarios")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{LONG}: a scenario that only `make faults` runs")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("faults_long"):
        return
    left_out = [item for item in items if item.get_closest_marker(LONG)]
    items[:] = [item for item in items if item not in left_out]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        config.stash[_LEFT_OUT] = [item.nodeid for item in left_out]


_LEFT_OUT = pytest.StashKey[list[str]]()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Report the deselected tests of a parallel worker."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["left_out"] = session.config.stash.get(_LEFT_OUT, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", [])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for test in config.stash.get(_LEFT_OUT, []):
        terminalreporter.line(f"left out, `make faults` runs it: {test}", yellow=True)
    interrupted = list(_rows(terminalreporter.stats, INTERRUPTED))
    tables = {
        "faults": [HEADS, *map(_cells, _rows(terminalreporter.stats, PROPERTY))],
        "interrupted commands": [
            tuple(interrupted[0]),
            *(tuple(row.values()) for row in interrupted),
        ]
        if interrupted
        else [],
    }
    lines = []
    for name, table in tables.items():
        if len(table) > 1:
            terminalreporter.section(name)
            lines += ["", *_aligned(table)]
            for line in _aligned(table):
                terminalreporter.line(line)
    file = config.getoption("faults_report")
    if file and lines:
        Path(file).write_text("\n".join(lines[1:]) + "\n", encoding="utf-8")


def _rows(stats: Mapping[str, list[Any]], kind: str) -> Iterator[dict[str, Any]]:
    for reports in stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                yield from (row for name, row in report.user_properties if name == kind)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    recovery = "never told" if row["recovery"] is None else f"{row['recovery']:.1f}"
    counts = [str(row[name]) for name in ("load", "sent", "ok")]
    ways = [_counted(row[name]) for name in ("refused", "failed")]
    writes = [str(row[name]) for name in ("acknowledged", "lost")]
    return (row["fault"], *counts, *ways, f"{row['slowest']:.2f}", *writes, recovery)


def _counted(by_name: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(by_name.items())) or "0"


def _aligned(table: list[tuple[str, ...]]) -> Iterator[str]:
    """Return the lines of a Markdown table with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rule = tuple("-" * width for width in widths)
    for row in (table[0], rule, *table[1:]):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"| {' | '.join(cells)} |"
