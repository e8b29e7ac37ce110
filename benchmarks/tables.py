"""The tables of docs/benchmarks.md, each with its plot."""

from collections.abc import Iterable, Iterator

from benchmarks.cases import DELAYS, PHONES
from benchmarks.loads import CLIENTS, PROBES
from benchmarks.plots import PLOTS
from benchmarks.results import MYAPI, NAME, PEERS, Results, Spread

STEADY = ("me-sqlite", "me-mariadb", "forged", "hello", "flood")
LOGINS = [f"login-{delay}ms-{clients}" for delay in DELAYS for clients in PHONES]
LOGINS += ["login-mariadb", "login-mariadb-1000ms-1000"]
# Name in the tables, unit, whether higher is better.
FIGURES = {
    "rate": ("responses per second", "", True),
    "p50": ("p50", "ms", False),
    "p99": ("p99", "ms", False),
    "cpu": ("CPU per request", "µs", False),
    "database_cpu": ("CPU of the database per request", "µs", False),
    "busy_rate": ("503 per second", "", False),
    "failed": ("failed", "", False),
    "hello_idle_p99": ("p99 of hello, idle", "ms", False),
    "hello_p99": ("p99 of hello during logins", "ms", False),
    "start": ("start-up", "s", False),
    "idle": ("memory, idle", "MiB", False),
    "loaded": ("memory, after load", "MiB", False),
}


def steady(results: Results) -> Iterator[str]:
    yield f"## Requests, {CLIENTS} clients"
    yield ""
    yield from _plot(results, "calls", "Responses per second, p99 and CPU of each request")
    yield from _comparison(results, STEADY, ("rate", "p50", "p99", "cpu", "database_cpu", "failed"))


def logins(results: Results) -> Iterator[str]:
    yield "## Logins"
    yield ""
    yield (
        "Only logins answered 200 count; 503 is listed separately (p50 and p99 are of all"
        " responses). During the logins `/api/hello` is"
        f" requested {PROBES} times per second; its latency counts from the scheduled time."
    )
    yield ""
    yield from _plot(results, "logins", "Logins per second, and the p99 of hello during the logins")
    figures = ("rate", "busy_rate", "failed", "p50", "p99", "cpu", "hello_idle_p99", "hello_p99")
    yield from _comparison(results, LOGINS, figures)


def sizes(results: Results) -> Iterator[str]:
    found = [case for case in ("sizes-sqlite", "sizes-mariadb") if case in results.cases]
    if not found:
        return
    yield "## Table size"
    yield ""
    yield from _plot(results, "sizes", "Responses per second by sessions in the table")
    yield "| case | sessions | responses per second | p99 ms | CPU µs | failed |"
    yield "|---|---|---|---|---|---|"
    for case in found:
        for variant in results.variants(case):
            figures = [results.figure(case, variant, n) for n in ("rate", "p99", "cpu", "failed")]
            cells = [results.cases[case]["title"], variant, *map(spread, figures)]
            yield f"| {' | '.join(cells)} |"
    yield ""


def resources(results: Results) -> Iterator[str]:
    yield "## Memory and start-up"
    yield ""
    yield "Memory of all processes of the app; time from the start to the first response."
    yield ""
    yield from _plot(results, "memory", "Memory of each stack, idle and after load")
    yield from _comparison(results, ("resources",), ("start", "idle", "loaded"))


def floor(results: Results) -> Iterator[str]:
    if "floor" not in results.cases:
        return
    yield "## The floor"
    yield ""
    yield (
        "The same Gunicorn and Nginx with simpler apps: the routes as raw WSGI without"
        " log, metrics or limits; a bare Flask; and a static response by Nginx alone."
    )
    yield ""
    yield "| | request | responses per second | p99 ms | CPU µs |"
    yield "|---|---|---|---|---|"
    for variant in results.variants("floor"):
        for call in ("static", "hello", "me"):
            rate, p99, cpu = (
                results.figure("floor", variant, f"{call}_{name}")
                for name in ("rate", "p99", "cpu")
            )
            if rate:
                yield f"| {variant} | {call} | {spread(rate)} | {spread(p99)} | {spread(cpu)} |"
    yield ""
    if "in-process" in results.cases:
        yield "CPU of one request at the WSGI interface, without a server:"
        yield ""
        yield "| request | µs |"
        yield "|---|---|"
        for name in results.cases["in-process"]["turns"]["myapi"][0]:
            yield f"| {name} | {short(results.figure('in-process', 'myapi', name))} |"
        yield ""


def restarts(results: Results) -> Iterator[str]:
    if "restarts" not in results.cases:
        return
    yield "## Workers replaced under load"
    yield ""
    yield (
        "Eight clients request `/api/hello` and eight log in, through Nginx, while Gunicorn reloads"
        " every second or replaces each worker after about 2 000 requests."
    )
    yield ""
    yield "| | requests | new workers | failed |"
    yield "|---|---|---|---|"
    for variant in results.variants("restarts"):
        cells = [
            f"{sum(results.values('restarts', variant, name)):g}"
            for name in ("requests", "workers", "failed")
        ]
        yield f"| {variant} | {' | '.join(cells)} |"
    yield ""


def _plot(results: Results, name: str, caption: str) -> Iterator[str]:
    if PLOTS[name].has_figures(results):
        yield f"![{caption}]({NAME}/{name}.png)"
        yield ""


def _comparison(results: Results, cases: Iterable[str], figures: tuple[str, ...]) -> Iterator[str]:
    yield f"| case | figure | {MYAPI} | {' | '.join(f'{peer} | ×' for peer in PEERS)} |"
    yield f"|---|---|---{'|---|---' * len(PEERS)}|"
    for case in (c for c in cases if c in results.cases):
        title = results.cases[case]["title"]
        for name in figures:
            found = [results.figure(case, kind, name) for kind in (MYAPI, *PEERS)]
            if _is_empty(name, found):
                continue
            label, unit, _ = FIGURES[name]
            cells = [title, f"{label} {unit}".strip(), spread(found[0])]
            for kind, peer_figure in zip(PEERS, found[1:], strict=True):
                cells += [spread(peer_figure), ratio(results.ratio(case, name, to=kind))]
            yield f"| {' | '.join(cells)} |"
            title = ""
    yield ""


def _is_empty(name: str, found: list[Spread | None]) -> bool:
    """Whether there is no such figure, or a count of failures that is 0 for every stack."""
    maximum = max((each.greatest for each in found if each), default=0.0)
    return not maximum and (name in {"failed", "busy_rate"} or not any(found))


# ---- numbers ----


def short(figure: Spread | None) -> str:
    return "–" if figure is None else _number(figure.median)


def spread(figure: Spread | None) -> str:
    if figure is None:
        return "–"
    return f"{_number(figure.median)} ({_number(figure.least)}–{_number(figure.greatest)})"


def ratio(figure: Spread | None) -> str:
    if figure is None:
        return "–"
    return f"{figure.median:.2f} ({figure.least:.2f}–{figure.greatest:.2f})"


def _number(value: float) -> str:
    """Round to two or three significant digits, which is all a benchmark supports."""
    if value >= 100 or value == 0:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
