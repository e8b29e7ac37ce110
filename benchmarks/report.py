"""Write docs/benchmarks.md, the whole of it, from docs/benchmarks.json.

.venv/bin/python -m benchmarks.report [FOLDER]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import load
from benchmarks.cases import CLIENTS, DELAYS, PHONES, PROBES
from benchmarks.plots import PLOTS
from benchmarks.results import FOLDER, NAME, Results, Spread
from benchmarks.targets import TARGETS, Target

STEADY = ("me-sqlite", "me-mariadb", "forged", "hello", "flood")
LOGINS = [f"login-{delay}ms-{clients}" for delay in DELAYS for clients in PHONES]
LOGINS.append("login-mariadb")
# A figure: its name in a table, its unit, whether more of it is better.
FIGURES = {
    "rate": ("answers a second", "", True),
    "p50": ("p50", "ms", False),
    "p99": ("p99", "ms", False),
    "cpu": ("CPU a request", "µs", False),
    "database_cpu": ("CPU a request of the database", "µs", False),
    "busy_rate": ("503 a second", "", False),
    "failed": ("failed", "", False),
    "hello_idle_p99": ("p99 of hello, idle", "ms", False),
    "hello_p99": ("p99 of hello meanwhile", "ms", False),
    "start": ("start-up", "s", False),
    "idle": ("memory, idle", "MiB", False),
    "loaded": ("memory, after load", "MiB", False),
}
TEXT = Path(__file__).with_name("method.md")


def main() -> None:
    results = Results(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    page = results.folder / f"{NAME}.md"
    page.write_text("\n".join(_page(results)).rstrip() + "\n", encoding="utf-8")


def _page(results: Results) -> Iterator[str]:
    yield from _head(results)
    yield from _targets(results)
    yield from _losses(results)
    yield from _steady(results)
    yield from _logins(results)
    yield from _sizes(results)
    yield from _resources(results)
    yield from _floor(results)
    yield from _restarts(results)
    yield TEXT.read_text(encoding="utf-8")
    yield from _commands(results)
    yield from _versions(results)


def _head(results: Results) -> Iterator[str]:
    yield "<!-- Written by `make bench` from benchmarks.json: a change made here is lost. -->"
    yield "# Benchmarks"
    yield ""
    yield (
        "myapi beside what others would pick, on the same machine and in turns. All of this page"
        " is made by `make bench` (20 minutes at most) and `make bench-full`."
        " × is myapi's figure over the peer's, divided round by round: a median, with the least"
        " and the greatest in brackets."
    )
    machine = results.told.get("machine", {})
    if machine:
        yield ""
        yield (
            f"Taken on {machine['cores']} cores ({machine['processor']}), {machine['memory']} of"
            f" memory, Linux {machine['kernel']}; load generator, Nginx, stand-in for WeChat,"
            " database and stack share them."
        )
    for remark in _remarks(results):
        yield ""
        yield f"**{remark}**"
    yield ""


def _remarks(results: Results) -> Iterator[str]:
    """Say what keeps figures from counting."""
    cases = {name: case for name, case in results.cases.items() if len(case["turns"]) > 1}
    short = [n for n, c in cases.items() if c["seconds"] < 3 or c["rounds"] < _rounds(n)]
    if short:
        yield f"Smoke figures, from rounds too few or too short: {', '.join(short)}."
    if any(case.get("settings") for case in results.cases.values()):
        told = {n: c["settings"] for n, c in results.cases.items() if c.get("settings")}
        yield "Not with the defaults: " + "; ".join(f"{n} {' '.join(s)}" for n, s in told.items())
    if any(case.get("tls") for case in results.cases.values()):
        yield "Over TLS: " + ", ".join(n for n, c in results.cases.items() if c.get("tls"))


def _rounds(case: str) -> int:
    return {"restarts": 2, "floor": 3}.get(case, 5)


# ---- what it comes to ----


def _targets(results: Results) -> Iterator[str]:
    yield "## Targets"
    yield ""
    yield "| what | wanted | found | |"
    yield "|---|---|---|---|"
    for target in TARGETS:
        figure = target.read(results)
        sign = "≥" if target.at_least else "≤"
        wanted = f"{sign} {target.wanted:g}" if target.wanted else "0"
        if figure is None:
            yield f"| {target.what} | {wanted} | – | not measured |"
        else:
            verdict = "met" if target.met(figure) else "**missed**"
            yield f"| {target.what} | {wanted} | {_of_target(target, figure)} | {verdict} |"
    yield ""


def _of_target(target: Target, figure: Spread) -> str:
    return f"{figure.median:g}" if target.wanted == 0 else _ratio(figure)


def _losses(results: Results) -> Iterator[str]:
    yield "## Where myapi loses"
    yield ""
    found = list(_lost(results))
    yield from found or ["In no figure measured here."]
    yield ""


def _lost(results: Results) -> Iterator[str]:
    for case in (*STEADY, *LOGINS, "resources"):
        for name, (said, unit, more_is_better) in FIGURES.items():
            ratio = results.ratio(case, name)
            if ratio is None or name in {"failed", "busy_rate", "database_cpu", "hello_idle_p99"}:
                continue
            lost = ratio.median < 1 if more_is_better else ratio.median > 1
            if lost:
                mine, theirs = (results.figure(case, kind, name) for kind in ("myapi", "peer"))
                in_all = " in every round" if _always(ratio, more_is_better) else ""
                yield (
                    f"- {results.cases[case]['title']}: {said} {_n(mine)} against {_n(theirs)}"
                    f"{f' {unit}' if unit else ''}, {ratio.median:.2f} ×{in_all}."
                )
    for case in LOGINS:
        busy = results.figure(case, "myapi", "busy_rate")
        if busy and busy.median:
            yield f"- {results.cases[case]['title']}: {_n(busy)} answers a second are 503."


def _always(ratio: Spread, more_is_better: bool) -> bool:
    return ratio.greatest < 1 if more_is_better else ratio.least > 1


# ---- the tables ----


def _steady(results: Results) -> Iterator[str]:
    yield f"## Calls, {CLIENTS} clients"
    yield ""
    yield from _plot(results, "calls", "Answers a second, p99 and CPU of each call")
    yield from _compared(results, STEADY, ("rate", "p50", "p99", "cpu", "database_cpu", "failed"))
    string = "peer, key as a string"
    gain = results.ratio("key", "rate", string, "peer")
    if gain:
        slow = results.figure("key", string, "rate")
        yield (
            "The peer gives jsonwebtoken its key as a KeyObject. Given as a string, as tutorials"
            f" do, it would answer {_n(slow)} calls of `/api/me` a second, {_ratio(gain)} of that;"
            f" myapi's rate is then {_ratio(results.ratio('key', 'rate', to=string))} ×."
        )
        yield ""


def _logins(results: Results) -> Iterator[str]:
    yield "## Logins"
    yield ""
    yield (
        "A login counts when it is answered 200; 503 stands apart (p50 and p99 are of all"
        " answers). Meanwhile `/api/hello` is"
        f" called {PROBES} times a second, and its latency is counted from when a call was due."
    )
    yield ""
    yield from _plot(results, "logins", "Logins a second, and the p99 of hello meanwhile")
    figures = ("rate", "busy_rate", "failed", "p50", "p99", "cpu", "hello_idle_p99", "hello_p99")
    yield from _compared(results, LOGINS, figures)


def _resources(results: Results) -> Iterator[str]:
    yield "## Memory and start-up"
    yield ""
    yield "Of all processes of the app; each turn starts it anew, to its first answer."
    yield ""
    yield from _plot(results, "memory", "Memory of each stack, idle and after load")
    yield from _compared(results, ("resources",), ("start", "idle", "loaded"))


def _compared(results: Results, cases: object, figures: tuple[str, ...]) -> Iterator[str]:
    yield "| case | figure | myapi | peer | × |"
    yield "|---|---|---|---|---|"
    for case in (c for c in cases if c in results.cases):
        title = results.cases[case]["title"]
        for name in figures:
            mine, theirs = (results.figure(case, kind, name) for kind in ("myapi", "peer"))
            if mine is None or theirs is None or _dull(name, mine, theirs):
                continue
            said, unit, _ = FIGURES[name]
            ratio = results.ratio(case, name)
            cells = (title, f"{said} {unit}".strip(), _range(mine), _range(theirs), _ratio(ratio))
            yield f"| {' | '.join(cells)} |"
            title = ""
    yield ""


def _dull(name: str, mine: Spread, theirs: Spread) -> bool:
    return name in {"failed", "busy_rate"} and not (mine.greatest or theirs.greatest)


def _sizes(results: Results) -> Iterator[str]:
    found = [case for case in ("sizes-sqlite", "sizes-mariadb") if case in results.cases]
    if not found:
        return
    yield "## The size of the table"
    yield ""
    yield from _plot(results, "sizes", "Answers a second by sessions in the table")
    yield "| case | sessions | answers a second | p99 ms | CPU µs |"
    yield "|---|---|---|---|---|"
    for case in found:
        for variant in results.variants(case):
            rate, p99, cpu = (results.figure(case, variant, n) for n in ("rate", "p99", "cpu"))
            title = results.cases[case]["title"]
            yield f"| {title} | {variant} | {_range(rate)} | {_range(p99)} | {_range(cpu)} |"
    yield ""


def _floor(results: Results) -> Iterator[str]:
    if "floor" not in results.cases:
        return
    yield "## The floor"
    yield ""
    yield (
        "The same Gunicorn with less on it, behind the same Nginx: the routes as raw WSGI with"
        " no log, metrics or limits; a bare Flask; and a static answer of Nginx alone."
    )
    yield ""
    yield "| | call | answers a second | p99 ms | CPU µs |"
    yield "|---|---|---|---|---|"
    for variant in results.variants("floor"):
        for call in ("static", "hello", "me"):
            rate, p99, cpu = (
                results.figure("floor", variant, f"{call}_{name}")
                for name in ("rate", "p99", "cpu")
            )
            if rate:
                yield f"| {variant} | {call} | {_range(rate)} | {_range(p99)} | {_range(cpu)} |"
    yield ""
    if "in-process" in results.cases:
        yield "Without a server, CPU of one call at the WSGI interface:"
        yield ""
        yield "| call | µs |"
        yield "|---|---|"
        for name in results.cases["in-process"]["turns"]["myapi"][0]:
            yield f"| {name} | {_n(results.figure('in-process', 'myapi', name))} |"
        yield ""


def _restarts(results: Results) -> Iterator[str]:
    if "restarts" not in results.cases:
        return
    yield "## Workers replaced under load"
    yield ""
    yield (
        "Eight clients call `/api/hello` and eight log in, through Nginx, while Gunicorn reloads"
        " every second or ends each worker after some 2 000 requests."
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


def _plot(results: Results, name: str, said: str) -> Iterator[str]:
    if PLOTS[name].can(results):
        yield f"![{said}]({NAME}/{name}.png)"
        yield ""


# ---- how it was made ----


def _commands(results: Results) -> Iterator[str]:
    limit = results.figure("wechat-limit", "wechat", "rate_32")
    if limit:
        most = results.figure("wechat-limit", "wechat", "rate_1000")
        yield (
            f"The stand-in for WeChat answers {_n(limit)} calls a second at 32 clients and"
            f" {_n(most)} at 1 000 when nothing else runs."
        )
        yield ""
    yield "## Commands"
    yield ""
    yield "```bash"
    yield "make bench        # this page, without the large tables"
    yield "make bench-full   # all of it"
    yield "make bench ARGS='--only me-sqlite --rounds 5 --seconds 4'   # one case; --tls, --set too"
    yield "```"
    yield ""
    yield "What wrk is called with, where FILE has a token a line and PREFIX is new each time:"
    yield ""
    yield "```bash"
    base = "http://127.0.0.1:PORT"
    for path, clients, kind in (
        ("/api/hello", CLIENTS, ()),
        ("/api/me", CLIENTS, ("tokens", "FILE")),
        ("/api/auth/login", 256, ("logins", "100")),
    ):
        words = load.command(base + path, clients, 4, *kind)
        words = ["benchmarks/load.lua" if word == str(load.SCRIPT) else word for word in words]
        if kind[:1] == ("logins",):
            words[-1] = "100-PREFIX"
        yield " ".join(words)
    yield "```"
    yield ""
    yield "| case | name | taken | commit | rounds × seconds |"
    yield "|---|---|---|---|---|"
    for name, case in results.cases.items():
        took = f"{case['rounds']} × {case['seconds']:g}"
        yield f"| {case['title']} | `{name}` | {case['taken']} | {case['revision']} | {took} |"
    yield ""


def _versions(results: Results) -> Iterator[str]:
    yield "## Versions"
    yield ""
    yield (
        ", ".join(f"{name} {number}" for name, number in results.told.get("versions", {}).items())
        + "."
    )


# ---- numbers ----


def _n(figure: Spread | None) -> str:
    return "–" if figure is None else _number(figure.median)


def _range(figure: Spread | None) -> str:
    if figure is None:
        return "–"
    return f"{_number(figure.median)} ({_number(figure.least)}–{_number(figure.greatest)})"


def _ratio(figure: Spread | None) -> str:
    if figure is None:
        return "–"
    return f"{figure.median:.2f} ({figure.least:.2f}–{figure.greatest:.2f})"


def _number(value: float) -> str:
    """Three figures are more than a benchmark knows."""
    if value >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


if __name__ == "__main__":
    main()
