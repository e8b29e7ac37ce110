"""The tables of the benchmark pages, each with its plot."""

from collections.abc import Iterable, Iterator

from benchmarks import report_texts as texts
from benchmarks.cases import DELAYS, PHONES
from benchmarks.loads import CLIENTS, PROBES
from benchmarks.plots import PLOTS
from benchmarks.report_texts import Language
from benchmarks.results import MYAPI, NAME, PEERS, Results, Spread

STEADY = ("me-sqlite", "me-mariadb", "forged", "hello", "flood")
LOGINS = [f"login-{delay}ms-{clients}" for delay in DELAYS for clients in PHONES]
LOGINS += ["login-mariadb", "login-mariadb-1000ms-1000"]
UNITS = {
    **dict.fromkeys(("p50", "p99", "hello_idle_p99", "hello_p99"), "ms"),
    **dict.fromkeys(("cpu", "database_cpu"), "µs"),
    **dict.fromkeys(("idle", "loaded"), "MiB"),
    "start": "s",
}


def steady(results: Results, language: Language) -> Iterator[str]:
    yield f"## {texts.REQUESTS.format(clients=CLIENTS)[language]}"
    yield ""
    yield from _plot(results, "calls", texts.CALLS_PLOT[language])
    figures = ("rate", "p50", "p99", "cpu", "database_cpu", "failed")
    yield from _comparison(results, STEADY, figures, language)


def logins(results: Results, language: Language) -> Iterator[str]:
    yield f"## {texts.LOGINS[language]}"
    yield ""
    yield texts.LOGINS_MEANING.format(probes=PROBES)[language]
    yield ""
    yield from _plot(results, "logins", texts.LOGINS_PLOT[language])
    figures = ("rate", "busy_rate", "failed", "p50", "p99", "cpu", "hello_idle_p99", "hello_p99")
    yield from _comparison(results, LOGINS, figures, language)


def sizes(results: Results, language: Language) -> Iterator[str]:
    found = [case for case in ("sizes-sqlite", "sizes-mariadb") if case in results.cases]
    if not found:
        return
    yield f"## {texts.SIZES[language]}"
    yield ""
    yield from _plot(results, "sizes", texts.SIZES_PLOT[language])
    names = ("rate", "p99", "cpu", "failed")
    heads = [figure_name(name, language) for name in names]
    yield from head(texts.CASE[language], texts.SESSIONS[language], *heads)
    for case in found:
        for variant in results.variants(case):
            figures = [results.figure(case, variant, name) for name in names]
            cells = [case_title(results, case, language), variant, *map(spread, figures)]
            yield f"| {' | '.join(cells)} |"
    yield ""


def resources(results: Results, language: Language) -> Iterator[str]:
    yield f"## {texts.RESOURCES[language]}"
    yield ""
    yield texts.RESOURCES_MEANING[language]
    yield ""
    yield from _plot(results, "memory", texts.MEMORY_PLOT[language])
    yield from _comparison(results, ("resources",), ("start", "idle", "loaded"), language)


def floor(results: Results, language: Language) -> Iterator[str]:
    if "floor" not in results.cases:
        return
    yield f"## {texts.FLOOR[language]}"
    yield ""
    yield texts.FLOOR_MEANING[language]
    yield ""
    names = ("rate", "p99", "cpu")
    heads = [figure_name(name, language) for name in names]
    yield from head(texts.APP[language], texts.REQUEST[language], *heads)
    for variant in results.variants("floor"):
        for call in ("static", "hello", "me"):
            figures = [results.figure("floor", variant, f"{call}_{name}") for name in names]
            if figures[0]:
                cells = [texts.variant_title(each)[language] for each in (variant, call)]
                yield f"| {' | '.join((*cells, *map(spread, figures)))} |"
    yield ""
    if "in-process" in results.cases:
        yield texts.WITHOUT_SERVER[language]
        yield ""
        yield from head(texts.REQUEST[language], "µs")
        for name in results.cases["in-process"]["turns"]["myapi"][0]:
            figure = short(results.figure("in-process", "myapi", name))
            yield f"| {texts.variant_title(name)[language]} | {figure} |"
        yield ""


def restarts(results: Results, language: Language) -> Iterator[str]:
    if "restarts" not in results.cases:
        return
    yield f"## {texts.RESTARTS[language]}"
    yield ""
    yield texts.RESTARTS_MEANING[language]
    yield ""
    heads = (texts.REPLACED_BY, texts.REQUESTS_SENT, texts.NEW_WORKERS, texts.FAILED)
    yield from head(*(each[language] for each in heads))
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


def _comparison(
    results: Results, cases: Iterable[str], figures: tuple[str, ...], language: Language
) -> Iterator[str]:
    peers = [cell for peer in PEERS for cell in (peer, "×")]
    yield from head(texts.CASE[language], texts.FIGURE[language], MYAPI, *peers)
    for case in (c for c in cases if c in results.cases):
        title = case_title(results, case, language)
        for name in figures:
            found = [results.figure(case, kind, name) for kind in (MYAPI, *PEERS)]
            if _is_empty(name, found):
                continue
            cells = [title, figure_name(name, language), spread(found[0])]
            for kind, peer_figure in zip(PEERS, found[1:], strict=True):
                cells += [spread(peer_figure), ratio(results.ratio(case, name, to=kind))]
            yield f"| {' | '.join(cells)} |"
            title = ""
    yield ""


def _is_empty(name: str, found: list[Spread | None]) -> bool:
    """Whether there is no such figure, or a count of failures that is 0 for every stack."""
    maximum = max((each.greatest for each in found if each), default=0.0)
    return not maximum and (name in {"failed", "busy_rate"} or not any(found))


# ---- words ----


def head(*names: str) -> Iterator[str]:
    """The first two lines of a table."""
    yield f"| {' | '.join(names)} |"
    yield "|---" * len(names) + "|"


def case_title(results: Results, case: str, language: Language) -> str:
    return texts.case_title(case, results.cases[case]["title"])[language]


def figure_name(name: str, language: Language) -> str:
    """Return the name of a figure with its unit."""
    return f"{texts.FIGURES[name][language]} {UNITS.get(name, '')}".strip()


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
