"""What it comes to: which targets are met, and where myapi loses."""

from collections.abc import Iterator

from benchmarks.results import MYAPI, PEER, PEERS, TUNED, Results, Spread
from benchmarks.tables import FIGURES, LOGINS, STEADY, ratio, short
from benchmarks.targets import ALONE, TO_PEERS, Target

NOT_RATED = {"failed", "busy_rate", "database_cpu", "hello_idle_p99"}


def targets(results: Results) -> Iterator[str]:
    yield "## Targets"
    yield ""
    yield (
        "The wanted figures were set for the stack of the common tutorial, which is the peer; the"
        " tuned peer is one line away from it. – stands where the two are the same."
    )
    yield ""
    yield f"| {MYAPI}'s figure over a peer's | wanted | to the {PEER} | to the {TUNED} |"
    yield "|---|---|---|---|"
    for target in TO_PEERS:
        variants = results.variants(target.case)
        cells = [
            "–" if variants and peer not in variants else _found(target, target.read(results, peer))
            for peer in PEERS
        ]
        yield f"| {target.what} | {_wanted(target)} | {' | '.join(cells)} |"
    yield ""
    yield f"| {MYAPI} alone | wanted | found |"
    yield "|---|---|---|"
    for own in ALONE:
        yield f"| {own.what} | {_wanted(own)} | {_found(own, own.read(results))} |"
    yield ""


def _wanted(target: Target) -> str:
    sign = "≥" if target.at_least else "≤"
    return f"{sign} {target.wanted:g}" if target.wanted else "0"


def _found(target: Target, figure: Spread | None) -> str:
    if figure is None:
        return "not measured"
    said = ratio(figure) if target.wanted else f"{figure.median:g}"
    return f"{said}, {'met' if target.met(figure) else '**missed**'}"


def losses(results: Results) -> Iterator[str]:
    yield "## Where myapi loses"
    yield ""
    for peer in PEERS:
        yield f"### To the {peer}"
        yield ""
        yield from list(_lost(results, peer)) or ["In no figure measured here."]
        yield ""


def _lost(results: Results, peer: str) -> Iterator[str]:
    for case in (*STEADY, *LOGINS, "resources"):
        for name in FIGURES:
            if name not in NOT_RATED:
                yield from _loss(results, case, name, peer)
        yield from _busier(results, case, peer)


def _loss(results: Results, case: str, name: str, peer: str) -> Iterator[str]:
    said, unit, more_is_better = FIGURES[name]
    found = results.ratio(case, name, to=peer)
    if found is None or not (found.median < 1 if more_is_better else found.median > 1):
        return
    always = found.greatest < 1 if more_is_better else found.least > 1
    mine, theirs = (short(results.figure(case, kind, name)) for kind in (MYAPI, peer))
    yield (
        f"- {results.cases[case]['title']}: {said} {mine} against {theirs}"
        f"{f' {unit}' if unit else ''}, {found.median:.2f} ×{' in every round' if always else ''}."
    )


def _busier(results: Results, case: str, peer: str) -> Iterator[str]:
    """Tell of logins turned away, which a ratio cannot where the peer turns none away."""
    mine, theirs = (results.figure(case, kind, "busy_rate") for kind in (MYAPI, peer))
    if mine and theirs and mine.median > theirs.median:
        yield (
            f"- {results.cases[case]['title']}: {short(mine)} answers a second are 503, against"
            f" {short(theirs)}."
        )
