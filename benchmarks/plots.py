"""Draw the plots of docs/benchmarks.md for which docs/benchmarks.json has figures.

.venv-bench/bin/python -m benchmarks.plots [FOLDER]

Needs matplotlib, and from this project only the results and the targets.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results import (
    FASTAPI,
    FOLDER,
    MYAPI,
    NAME,
    TUNED,
    TUTORIAL,
    Results,
    Spread,
)
from benchmarks.targets import TO_PEERS, ToPeers

COLOURS = {MYAPI: "#1f6f8b", TUTORIAL: "#c9a227", TUNED: "#8a5a2b", FASTAPI: "#5b8c5a"}
TARGET = "#b3261e"
RATIOS = "Above a peer's bar: myapi's figure divided by the peer's"
WIDTH = 0.21  # of one bar
CALLS = {
    "me-sqlite": "/api/me\nSQLite",
    "me-mariadb": "/api/me\nMariaDB",
    "forged": "forged\ntokens",
    "hello": "/api/hello",
    "flood": "rate\nlimited",
}
LOGINS = tuple(f"login-{d}ms-{c}" for d in (0, 100, 1000) for c in (16, 256, 1000))
SIZES = {"10k": 1e4, "1M": 1e6, "10M": 1e7}


@dataclass(frozen=True)
class Plot:
    draw: Callable[[Any, Results], Any]
    cases: tuple[str, ...]  # drawn if there are figures for at least one

    def has_figures(self, results: Results) -> bool:
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
        if plot.has_figures(results):
            figure = plot.draw(pyplot, results)
            # No library version in the file, so that the same figures give the same file.
            figure.savefig(folder / f"{name}.png", dpi=110, metadata={"Software": None})
            pyplot.close(figure)


def _calls(pyplot: Any, results: Results) -> Any:
    cases = [case for case in CALLS if case in results.cases]
    figure, panels = pyplot.subplots(3, 1, figsize=(9, 10), layout="constrained")
    titles = {
        "rate": "Responses per second (higher is better)",
        "p99": "p99 in ms (lower is better)",
        "cpu": "CPU of the app's processes, µs per request (lower is better)",
    }
    for panel, (name, title) in zip(panels, titles.items(), strict=True):
        _groups(panel, results, cases, name)
        panel.set_xticks(range(len(cases)), [CALLS[case] for case in cases])
        panel.set_title(title, loc="left")
    return _with_legend(figure, panels[0], RATIOS)


def _logins(pyplot: Any, results: Results) -> Any:
    cases = [case for case in LOGINS if case in results.cases]
    labels = [case.removeprefix("login-").replace("ms-", " ms\n") + " clients" for case in cases]
    width = max(9, 1.5 * len(cases))
    figure, panels = pyplot.subplots(2, 1, figsize=(width, 8), layout="constrained")
    _groups(panels[0], results, cases, "rate")
    panels[0].set_title("Successful logins per second (higher is better)", loc="left")
    _groups(panels[1], results, cases, "hello_p99")
    panels[1].set_yscale("log")
    panels[1].set_title(
        "p99 of /api/hello during the logins, ms (log scale; lower is better)", loc="left"
    )
    for panel in panels:
        panel.set_xticks(range(len(cases)), labels)
    return _with_legend(figure, panels[0], RATIOS)


def _memory(pyplot: Any, results: Results) -> Any:
    figure, panel = pyplot.subplots(figsize=(7.5, 4), layout="constrained")
    for place, name in enumerate(("idle", "loaded")):
        _group(panel, results, "resources", name, place)
    panel.set_xticks((0, 1), ("idle", "after load"))
    panel.set_title("Memory (PSS) of all processes, MiB (lower is better)", loc="left")
    return _with_legend(figure, panel, RATIOS)


def _sizes(pyplot: Any, results: Results) -> Any:
    cases = [case for case in ("sizes-sqlite", "sizes-mariadb") if case in results.cases]
    figure, axes = pyplot.subplots(
        1, len(cases), figsize=(4.5 * len(cases), 4), layout="constrained", squeeze=False
    )
    for panel, case in zip(axes[0], cases, strict=True):
        for kind in (MYAPI, TUNED):
            found = {n: results.figure(case, f"{kind} {size}", "rate") for size, n in SIZES.items()}
            points = {n: spread for n, spread in found.items() if spread}
            heights, errors = _heights(list(points.values()))
            style = {"color": COLOURS[kind], "marker": "o", "capsize": 3, "label": kind}
            panel.errorbar(list(points), heights, errors, **style)
        if small := results.figure(case, f"{MYAPI} 10k", "rate"):
            style = {"color": TARGET, "linestyle": "--", "linewidth": 1}
            panel.axhline(0.9 * small.median, **style, label="target: 0.9 × myapi at 10k")
        panel.set(xscale="log", ylim=(0, None), xlabel="sessions in the table")
        engine = {"sizes-sqlite": "SQLite", "sizes-mariadb": "MariaDB"}[case]
        panel.set_title(f"/api/me on {engine}, responses per second", loc="left", fontsize=10)
    return _with_legend(figure, axes[0][0])


# ---- parts of a plot ----


def _groups(panel: Any, results: Results, cases: list[str], name: str) -> None:
    for place, case in enumerate(cases):
        _group(panel, results, case, name, place)


def _group(panel: Any, results: Results, case: str, name: str, place: int) -> None:
    """Draw the bars of one case side by side, with myapi's ratio above each peer's bar."""
    found = {k: spread for k in COLOURS if (spread := results.figure(case, k, name))}
    first = place - WIDTH * (len(found) - 1) / 2
    for number, (kind, spread) in enumerate(found.items()):
        at = first + WIDTH * number
        heights, errors = _heights([spread])
        style = {"color": COLOURS[kind], "label": kind, "ecolor": "#444", "capsize": 3}
        panel.bar([at], heights, width=WIDTH * 0.92, yerr=errors, **style)
        ratio = results.ratio(case, name, to=kind)
        if ratio and kind != MYAPI:
            _label(panel, at, spread.greatest, f"{ratio.median:.2f}")
    target = _target(case, name)
    if target and (height := target.height(results)):
        _draw_target(panel, first, height)
    panel.margins(y=0.15)


def _target(case: str, name: str) -> ToPeers | None:
    return next((t for t in TO_PEERS if (t.case, t.figure) == (case, name)), None)


def _heights(found: list[Spread]) -> tuple[list[float], list[list[float]]]:
    """Return the medians and the lengths of the error bars below and above them."""
    below = [spread.median - spread.least for spread in found]
    above = [spread.greatest - spread.median for spread in found]
    return [spread.median for spread in found], [below, above]


def _label(panel: Any, at: float, height: float, text: str) -> None:
    panel.annotate(
        text,
        (at, height),
        xytext=(0, 4),
        textcoords="offset points",
        ha="center",
        fontsize=8,
        weight="bold",
        zorder=5,
        bbox={"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 0.8},
    )


def _draw_target(panel: Any, at: float, height: float) -> None:
    """Draw a target across myapi's bar; its value is in the table of targets."""
    reach = WIDTH * 0.6
    style = {
        "colors": TARGET,
        "linestyles": (0, (2, 1)),
        "linewidth": 2,
        "label": "target for myapi",
    }
    panel.hlines(height, at - reach, at + reach, zorder=4, **style)


def _with_legend(figure: Any, panel: Any, title: str = "") -> Any:
    """Add one legend that lists each name once."""
    handles, labels = panel.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    style = {"loc": "outside upper right", "ncols": len(once), "frameon": False, "title": title}
    figure.legend(once.values(), once.keys(), **style)
    return figure


PLOTS = {
    "calls": Plot(_calls, tuple(CALLS)),
    "logins": Plot(_logins, LOGINS),
    "memory": Plot(_memory, ("resources",)),
    "sizes": Plot(_sizes, ("sizes-sqlite", "sizes-mariadb")),
}

if __name__ == "__main__":
    main()
