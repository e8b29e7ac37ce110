"""The sentences at the start of the benchmark pages, written from the figures.

A sentence is left out if some of its figures are missing.
"""

from benchmarks import report_texts as texts
from benchmarks.report_texts import Text
from benchmarks.results import MYAPI, PEERS, Results
from benchmarks.tables import short
from benchmarks.verdicts import COMPARED, is_loss

LOGIN = "login-100ms-256"


def sentences(results: Results) -> list[Text]:
    if not results.cases:
        return []
    every = (_capacity, _login_cost, _hello_during_logins, _faster_peers, _memory)
    return [found for sentence in every if (found := sentence(results))]


def _capacity(results: Results) -> Text | None:
    figures = {
        "sqlite": ("me-sqlite", MYAPI, "rate"),
        "sqlite_p99": ("me-sqlite", MYAPI, "p99"),
        "mariadb": ("me-mariadb", MYAPI, "rate"),
        "mariadb_p99": ("me-mariadb", MYAPI, "p99"),
    }
    return _fill(results, texts.CAPACITY, figures, cores=results.data["machine"]["cores"])


def _login_cost(results: Results) -> Text | None:
    figures = {name: (LOGIN, MYAPI, name) for name in ("cpu", "rate", "p50")}
    figures["me_cpu"] = ("me-sqlite", MYAPI, "cpu")
    return _fill(results, texts.LOGIN_COST, figures)


def _hello_during_logins(results: Results) -> Text | None:
    peers = _of_peers(results, texts.HELLO_OF_PEER, LOGIN, "hello_p99")
    own = {"own": (LOGIN, MYAPI, "hello_p99")}
    return _fill(results, texts.HELLO_OF_ALL, own, peers=peers)


def _faster_peers(results: Results) -> Text | None:
    compared = [p for p in PEERS if any(results.pairs(case, "rate", to=p) for case in COMPARED)]
    if not compared:
        return None
    peers = texts.COMMA.join([_faster_peer(results, peer) for peer in compared])
    return texts.FASTER_PEERS.format(peers=peers)


def _faster_peer(results: Results, peer: str) -> Text:
    cases = [case for case in COMPARED if is_loss(results, case, "rate", peer)]
    if not cases:
        return texts.NO_FASTER_PEER.format(peer=peer)
    named = texts.enumeration([_faster_case(results, case, peer) for case in cases])
    return texts.FASTER_PEER.format(peer=peer, cases=named)


def _faster_case(results: Results, case: str, peer: str) -> Text:
    ratio = results.ratio(case, "rate", of=peer, to=MYAPI)
    percent = (ratio.median - 1) * 100 if ratio else float("inf")  # myapi's own rate may be 0
    shown = f"{percent:.0f}" if percent >= 10 else f"{percent:.1f}"
    return texts.FASTER_CASE.format(case=texts.faster_case(case), percent=shown)


def _memory(results: Results) -> Text | None:
    peers = _of_peers(results, texts.MEMORY_OF_PEER, "resources", "idle", "loaded")
    own = {name: ("resources", MYAPI, name) for name in ("idle", "loaded")}
    return _fill(results, texts.MEMORY_OF_ALL, own, peers=peers)


def _of_peers(results: Results, text: Text, case: str, *names: str) -> Text:
    """Fill in the figures of each peer that is part of the case."""
    filled = (
        _fill(results, text, {name: (case, peer, name) for name in names}, peer=peer)
        for peer in PEERS
    )
    return texts.COMMA.join([each for each in filled if each])


def _fill(
    results: Results, text: Text, figures: dict[str, tuple[str, str, str]], **others: object
) -> Text | None:
    """Fill in medians by case, variant and name; None if one is missing."""
    found = {key: results.figure(*place) for key, place in figures.items()}
    if not all(found.values()):
        return None
    return text.format(**{key: short(each) for key, each in found.items()}, **others)
