"""The verdicts: which targets are met, and where myapi loses."""

from collections.abc import Iterator

from benchmarks import report_texts as texts
from benchmarks.report_texts import Language
from benchmarks.results import MYAPI, PEERS, Results, Spread
from benchmarks.tables import LOGINS, STEADY, case_title, figure_name, head, ratio, short, spread
from benchmarks.targets import ALONE, TO_PEERS, Alone, Target, ToPeers

HIGHER_IS_BETTER = {"rate"}
COMPARED = (*STEADY, *LOGINS, "resources")


def targets(results: Results, language: Language) -> Iterator[str]:
    yield f"## {texts.TARGETS[language]}"
    yield ""
    yield texts.TARGETS_MEANING[language]
    yield ""
    yield from head(texts.DIVIDED_BY.format(myapi=MYAPI)[language], *PEERS)
    for target in TO_PEERS:
        cells = [_to_peer(results, target, peer, language) for peer in PEERS]
        yield f"| {target.title[language]} | {' | '.join(cells)} |"
    yield ""
    alone = texts.ALONE.format(myapi=MYAPI)
    yield from head(alone[language], texts.TARGET[language], texts.MEASURED[language])
    for own in ALONE:
        wanted = f"{_wanted(own, own.wanted)} {own.unit}".strip()
        measured = _alone(own, own.read(results), language)
        yield f"| {own.title[language]} | {wanted} | {measured} |"
    yield ""


def _to_peer(results: Results, target: ToPeers, peer: str, language: Language) -> str:
    found, wanted = target.read(results, peer), target.wanted.get(peer)
    variants = results.variants(target.case)
    if wanted is None and variants and peer not in variants:
        return "–"
    text = ratio(found) if found else texts.NOT_MEASURED[language]
    if wanted is None:
        return text
    verdict = _verdict(target, found, wanted, language)
    named = {"target": _wanted(target, wanted), "found": text, "verdict": verdict}
    return texts.WITH_TARGET.format(**named)[language]


def _alone(target: Alone, found: Spread | None, language: Language) -> str:
    if found is None:
        return texts.NOT_MEASURED[language]
    text = short(found)
    if target.wanted:
        text = f"{spread(found)} {target.unit}" if target.unit else ratio(found)
    return text + _verdict(target, found, target.wanted, language)


def _wanted(target: Target, wanted: float) -> str:
    return f"{'≥' if target.at_least else '≤'} {wanted:g}" if wanted else "0"


def _verdict(target: Target, found: Spread | None, wanted: float, language: Language) -> str:
    if found is None:
        return ""
    return (texts.MET if target.met(found, wanted) else texts.MISSED)[language]


def losses(results: Results, language: Language) -> Iterator[str]:
    yield f"## {texts.LOSSES[language]}"
    yield ""
    yield texts.LOSSES_MEANING[language]
    yield ""
    for peer in PEERS:
        yield f"### {texts.LOSSES_TO.format(peer=peer)[language]}"
        yield ""
        if found := list(_losses_to(results, peer, language)):
            yield from head(texts.CASE[language], texts.FIGURE[language], MYAPI, peer, "×")
            yield from found
        else:
            yield texts.NO_LOSS[language]
        yield ""


def _losses_to(results: Results, peer: str, language: Language) -> Iterator[str]:
    for case in COMPARED:
        for name in texts.FIGURES:
            if is_loss(results, case, name, peer):
                row = (
                    case_title(results, case, language),
                    figure_name(name, language),
                    *(short(results.figure(case, kind, name)) for kind in (MYAPI, peer)),
                    ratio(results.ratio(case, name, to=peer)),
                )
                yield f"| {' | '.join(row)} |"


def is_loss(results: Results, case: str, name: str, peer: str) -> bool:
    """Whether myapi is worse in every round, so that it is more than their spread."""
    pairs = results.pairs(case, name, to=peer)
    if name in HIGHER_IS_BETTER:
        return bool(pairs) and all(own < other for own, other in pairs)
    return bool(pairs) and all(own > other for own, other in pairs)
