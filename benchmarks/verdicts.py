"""The verdicts: which targets are met, and where myapi loses."""

from collections.abc import Iterator

from benchmarks.results import MYAPI, PEERS, Results, Spread
from benchmarks.tables import FIGURES, LOGINS, STEADY, ratio, short, spread
from benchmarks.targets import ALONE, TO_PEERS, Alone, Target, ToPeers

NOT_RATED = {"failed", "busy_rate", "database_cpu", "hello_idle_p99"}


def targets(results: Results) -> Iterator[str]:
    yield "## Targets"
    yield ""
    yield (
        "Each cell has the wanted ratio, if there is one, and the measured one. – means that the"
        " peer is not part of the case."
    )
    yield ""
    yield f"| {MYAPI}'s figure divided by that of | {' | '.join(PEERS)} |"
    yield f"|---{'|---' * len(PEERS)}|"
    for target in TO_PEERS:
        cells = [_to_peer(results, target, peer) for peer in PEERS]
        yield f"| {target.title} | {' | '.join(cells)} |"
    yield ""
    yield f"| {MYAPI} alone | wanted | measured |"
    yield "|---|---|---|"
    for own in ALONE:
        wanted = f"{_wanted(own, own.wanted)} {own.unit}".strip()
        yield f"| {own.title} | {wanted} | {_alone(own, own.read(results))} |"
    yield ""


def _to_peer(results: Results, target: ToPeers, peer: str) -> str:
    found, wanted = target.read(results, peer), target.wanted.get(peer)
    variants = results.variants(target.case)
    if wanted is None and variants and peer not in variants:
        return "–"
    text = ratio(found) if found else "not measured"
    if wanted is None:
        return text
    return f"{_wanted(target, wanted)}: {text}{_verdict(target, found, wanted)}"


def _alone(target: Alone, found: Spread | None) -> str:
    if found is None:
        return "not measured"
    text = short(found)
    if target.wanted:
        text = f"{spread(found)} {target.unit}" if target.unit else ratio(found)
    return text + _verdict(target, found, target.wanted)


def _wanted(target: Target, wanted: float) -> str:
    return f"{'≥' if target.at_least else '≤'} {wanted:g}" if wanted else "0"


def _verdict(target: Target, found: Spread | None, wanted: float) -> str:
    if found is None:
        return ""
    return ", met" if target.met(found, wanted) else ", **missed**"


def losses(results: Results) -> Iterator[str]:
    yield "## Where myapi loses"
    yield ""
    for peer in PEERS:
        yield f"### To {peer}"
        yield ""
        yield from list(_losses_to(results, peer)) or ["In no figure measured here."]
        yield ""


def _losses_to(results: Results, peer: str) -> Iterator[str]:
    for case in (*STEADY, *LOGINS, "resources"):
        for name in FIGURES:
            if name not in NOT_RATED:
                yield from _loss(results, case, name, peer)
        yield from _more_refusals(results, case, peer)


def _loss(results: Results, case: str, name: str, peer: str) -> Iterator[str]:
    label, unit, higher_is_better = FIGURES[name]
    found = results.ratio(case, name, to=peer)
    if found is None or not (found.median < 1 if higher_is_better else found.median > 1):
        return
    always = found.greatest < 1 if higher_is_better else found.least > 1
    own_figure, peer_figure = (short(results.figure(case, kind, name)) for kind in (MYAPI, peer))
    yield (
        f"- {results.cases[case]['title']}: {label} {own_figure} against {peer_figure}"
        f"{f' {unit}' if unit else ''}, {found.median:.2f} ×{' in every round' if always else ''}."
    )


def _more_refusals(results: Results, case: str, peer: str) -> Iterator[str]:
    """Compare refused logins as counts: the peer may have none, so there is no ratio."""
    own_figure, peer_figure = (results.figure(case, kind, "busy_rate") for kind in (MYAPI, peer))
    if own_figure and peer_figure and own_figure.median > peer_figure.median:
        yield (
            f"- {results.cases[case]['title']}: {short(own_figure)} responses per second are 503,"
            f" against {short(peer_figure)}."
        )
