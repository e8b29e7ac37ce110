"""Draw the plots of docs/benchmarks.md from docs/benchmarks.json, where there are figures.

.venv-bench/bin/python -m benchmarks.plots [FOLDER]

Needs matplotlib, and of this project nothing but the results.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results import FOLDER, NAME, Results, Spread

KINDS = {"myapi": "#1f6f8b", "peer": "#c9a227"}
TARGET = "#b3261e"
CALLS = {
    "me-sqlite": ("/api/me\nSQLite", 2.0),
    "me-mariadb": ("/api/me\nMariaDB", 1.2),
    "forged": ("forged\ntokens", 2.0),
    "hello": ("/api/hello", None),
    "flood": ("refused at\nthe limit", None),
}
SIZES = {"10k": 1e4, "1M": 1e6, "10M": 1e7}


@dataclass(frozen=True)
class Plot:
    draw: Callable[[Any, Results], Any]
    cases: tuple[str, ...]  # one of them is enough

    def can(self, results: Results) -> bool:
        return any(results.cases.get(case) for case in self.cases)


def main() -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    mpl.rcParams |= {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
    results = Results(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    folder = results.folder / NAME
    folder.mkdir(exist_ok=True)
    for name, plot in PLOTS.items():
        if plot.can(results):
            figure = plot.draw(pyplot, results)
            # No date and no version of the library in the file: the same figures, the same file.
            figure.savefig(folder / f"{name}.png", dpi=110, metadata={"Software": None})
            pyplot.close(figure)


def _calls(pyplot: Any, results: Results) -> Any:
    cases = [case for case in CALLS if case in results.cases]
    figure, panels = pyplot.subplots(3, 1, figsize=(8, 10), layout="constrained")
    titles = {
        "rate": "Answers a second (more is better)",
        "p99": "p99 in ms (less is better)",
        "cpu": "CPU µs a request of the app's processes (less is better)",
    }
    for panel, (name, title) in zip(panels, titles.items(), strict=True):
        _pairs(panel, results, cases, name)
        panel.set_xticks(range(len(cases)), [CALLS[case][0] for case in cases])
        panel.set_title(title, loc="left")
    for place, case in enumerate(cases):
        theirs, wanted = results.figure(case, "peer", "rate"), CALLS[case][1]
        if theirs and wanted:
            _line(panels[0], place, wanted * theirs.median, f"target {wanted:g} ×")
    if "me-sqlite" in cases and (theirs := results.figure("me-sqlite", "peer", "p99")):
        _line(panels[1], cases.index("me-sqlite"), theirs.median, "target 1 ×")
    return _finished(figure, panels[0])


def _logins(pyplot: Any, results: Results) -> Any:
    cases = [case for case in results.cases if case.startswith("login-") and "ms-" in case]
    labels = [case.removeprefix("login-").replace("ms-", " ms\n") + " clients" for case in cases]
    figure, panels = pyplot.subplots(2, 1, figsize=(8.5, 8), layout="constrained")
    _pairs(panels[0], results, cases, "rate")
    panels[0].set_title("Logins a second, answered 200 (more is better)", loc="left")
    _pairs(panels[1], results, cases, "hello_p99", with_ratio=False)
    panels[1].set_yscale("log")
    panels[1].set_title("p99 of /api/hello meanwhile, ms (log scale; less is better)", loc="left")
    aim = "login-100ms-256"
    if aim in cases:
        place = cases.index(aim)
        theirs = results.figure(aim, "peer", "rate")
        idle = results.figure(aim, "myapi", "hello_idle_p99")
        if theirs and idle:
            _line(panels[0], place, theirs.median, "target 1 ×")
            _line(panels[1], place, 2 * idle.median, "target 2 × idle")
    for panel in panels:
        panel.set_xticks(range(len(cases)), labels)
    return _finished(figure, panels[0])


def _memory(pyplot: Any, results: Results) -> Any:
    figure, panel = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for place, name in enumerate(("idle", "loaded")):
        _pair(panel, results, "resources", name, place)
        if theirs := results.figure("resources", "peer", name):
            _line(panel, place, 0.6 * theirs.median, "target 0.6 ×")
    panel.set_xticks((0, 1), ("idle", "after load"))
    panel.set_title("Memory (PSS) of all processes, MiB (less is better)", loc="left")
    return _finished(figure, panel)


def _sizes(pyplot: Any, results: Results) -> Any:
    cases = [case for case in ("sizes-sqlite", "sizes-mariadb") if case in results.cases]
    figure, axes = pyplot.subplots(
        1, len(cases), figsize=(4.5 * len(cases), 4), layout="constrained", squeeze=False
    )
    for panel, case in zip(axes[0], cases, strict=True):
        for kind, colour in KINDS.items():
            found = {n: results.figure(case, f"{kind} {size}", "rate") for size, n in SIZES.items()}
            points = [(n, spread) for n, spread in found.items() if spread]
            _, heights, errors = _bars([spread for _, spread in points])
            at = [n for n, _ in points]
            panel.errorbar(at, heights, errors, color=colour, marker="o", capsize=3, label=kind)
        if small := results.figure(case, "myapi 10k", "rate"):
            panel.axhline(0.9 * small.median, color=TARGET, linestyle="--", linewidth=1)
            panel.text(1e4, 0.9 * small.median, "target 0.9 × of 10k", color=TARGET, va="top")
        panel.set(xscale="log", ylim=(0, None), xlabel="sessions in the table")
        engine = {"sizes-sqlite": "SQLite", "sizes-mariadb": "MariaDB"}[case]
        panel.set_title(f"/api/me on {engine}, answers a second", loc="left", fontsize=10)
    return _finished(figure, axes[0][0])


# ---- parts of a plot ----


def _pairs(
    panel: Any, results: Results, cases: list[str], name: str, *, with_ratio: bool = True
) -> None:
    for place, case in enumerate(cases):
        _pair(panel, results, case, name, place, with_ratio=with_ratio)


def _pair(
    panel: Any, results: Results, case: str, name: str, place: int, *, with_ratio: bool = True
) -> None:
    """Draw the two bars of one case side by side, with their spread and, above, their ratio."""
    top = 0.0
    for kind, shift in zip(KINDS, (-0.2, 0.2), strict=True):
        found = results.figure(case, kind, name)
        if found:
            _, heights, errors = _bars([found])
            style = {"color": KINDS[kind], "label": kind, "ecolor": "#444", "capsize": 3}
            panel.bar([place + shift], heights, width=0.36, yerr=errors, **style)
            top = max(top, found.greatest)
    ratio = results.ratio(case, name)
    if ratio and with_ratio:
        panel.annotate(
            f"{ratio.median:.2f} ×",
            (place, top),
            xytext=(8, 5),
            textcoords="offset points",
            ha="left",  # beside what a target says, should it be at this height
            weight="bold",
            zorder=5,
            bbox={"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 0.8},
        )
    panel.margins(y=0.15)


def _bars(found: list[Spread]) -> tuple[int, list[float], list[list[float]]]:
    """Return how many, the medians, and how far the spread reaches below and above them."""
    below = [spread.median - spread.least for spread in found]
    above = [spread.greatest - spread.median for spread in found]
    return len(found), [spread.median for spread in found], [below, above]


def _line(panel: Any, place: float, height: float, said: str) -> None:
    panel.hlines(height, place - 0.42, place + 0.42, colors=TARGET, linestyles="--", linewidth=1.4)
    panel.annotate(
        said,
        (place - 0.42, height),
        xytext=(1, -2),
        textcoords="offset points",
        color=TARGET,
        fontsize=8,
        va="top",
        bbox={"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 0.8},
    )


def _finished(figure: Any, panel: Any) -> Any:
    """Add one legend, with each name once."""
    handles, labels = panel.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(once.values(), once.keys(), loc="outside upper right", ncols=2, frameon=False)
    return figure


PLOTS = {
    "calls": Plot(_calls, tuple(CALLS)),
    "logins": Plot(
        _logins, tuple(f"login-{d}ms-{c}" for d in (0, 100, 1000) for c in (16, 256, 1000))
    ),
    "memory": Plot(_memory, ("resources",)),
    "sizes": Plot(_sizes, ("sizes-sqlite", "sizes-mariadb")),
}

if __name__ == "__main__":
    main()
