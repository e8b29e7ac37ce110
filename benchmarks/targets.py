"""The targets, each of which reads its figure from the results, if there is one.

Only the standard library is used, because the plots need the targets too.
"""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import report_texts as texts
from benchmarks.report_texts import Text
from benchmarks.results import FASTAPI, MYAPI, TUNED, TUTORIAL, Results, Spread


@dataclass(frozen=True)
class Target:
    title: Text
    at_least: bool  # otherwise at most

    def met(self, figure: Spread, wanted: float) -> bool:
        found = figure.median
        return found >= wanted if self.at_least else found <= wanted


@dataclass(frozen=True)
class ToPeers(Target):
    """A target for the ratio of myapi's figure to that of each peer, round by round."""

    case: str
    figure: str
    wanted: dict[str, float]  # by peer

    def read(self, results: Results, peer: str) -> Spread | None:
        return results.ratio(self.case, self.figure, to=peer)

    def height(self, results: Results) -> float | None:
        """Return the figure with which myapi would meet the targets for all peers."""
        found = {peer: results.figure(self.case, peer, self.figure) for peer in self.wanted}
        heights = [self.wanted[peer] * each.median for peer, each in found.items() if each]
        if not heights:
            return None
        return max(heights) if self.at_least else min(heights)


@dataclass(frozen=True)
class Alone(Target):
    """A target for a figure of myapi alone."""

    wanted: float
    read: Callable[[Results], Spread | None]
    unit: str = ""  # empty for ratios and counts


def _bare_flask(results: Results) -> Spread | None:
    bare, full = "bare Flask hello", "GET /api/hello"
    return results.ratio("in-process", bare, to=MYAPI, to_name=full)


def _hello_during_logins(results: Results) -> Spread | None:
    return results.figure(LOGINS, MYAPI, "hello_p99")


def _refused(case: str) -> Callable[[Results], Spread | None]:
    """Read the logins per second answered 503, in the worst turn."""

    def read(results: Results) -> Spread | None:
        found = results.values(case, MYAPI, "busy_rate")
        return Spread.of([max(found)]) if found else None

    return read


def _ten_million(case: str) -> Callable[[Results], Spread | None]:
    return lambda results: results.ratio(case, "rate", f"{MYAPI} 10M", f"{MYAPI} 10k")


def _failed(variant: str) -> Callable[[Results], Spread | None]:
    """Read the number of failed requests in all turns."""

    def read(results: Results) -> Spread | None:
        found = results.values("restarts", variant, "failed")
        return Spread.of([sum(found)]) if found else None

    return read


ME_SQLITE, ME_MARIADB = (texts.ME.format(database=each) for each in ("SQLite", "MariaDB"))
LOGINS = "login-100ms-256"
STORM, STORM_MARIADB = "login-1000ms-1000", "login-mariadb-1000ms-1000"
ON_SQLITE = {"storm": texts.LOGIN_STORM, "on": texts.ON_SQLITE}
ON_MARIADB = {"storm": texts.LOGIN_STORM, "on": texts.ON_MARIADB}
HELLO = texts.HELLO_DURING_LOGINS
AT_LEAST, AT_MOST = True, False

TO_PEERS = [
    ToPeers(
        texts.ME_RATE.format(me=ME_SQLITE),
        AT_LEAST,
        "me-sqlite",
        "rate",
        {TUTORIAL: 2.0, TUNED: 0.95, FASTAPI: 3.0},
    ),
    ToPeers(texts.ME_P99.format(me=ME_SQLITE), AT_MOST, "me-sqlite", "p99", {TUNED: 0.6}),
    ToPeers(
        texts.ME_RATE.format(me=ME_MARIADB),
        AT_LEAST,
        "me-mariadb",
        "rate",
        {TUTORIAL: 1.1, TUNED: 0.7},
    ),
    ToPeers(
        texts.LOGIN_RATE,
        AT_LEAST,
        LOGINS,
        "rate",
        {TUTORIAL: 1.2, TUNED: 1.0},
    ),
    ToPeers(texts.STORM_RATE.format(**ON_SQLITE), AT_LEAST, STORM, "rate", {TUNED: 1.0}),
    ToPeers(
        texts.STORM_RATE.format(**ON_MARIADB),
        AT_LEAST,
        STORM_MARIADB,
        "rate",
        {TUNED: 1.0},
    ),
    ToPeers(HELLO, AT_MOST, LOGINS, "hello_p99", {TUNED: 0.15}),
    ToPeers(texts.MEMORY_IDLE, AT_MOST, "resources", "idle", {TUTORIAL: 0.78}),
    ToPeers(texts.MEMORY_LOADED, AT_MOST, "resources", "loaded", {TUTORIAL: 0.55}),
]
ALONE = [
    Alone(HELLO, AT_MOST, 25.0, _hello_during_logins, "ms"),
    Alone(texts.STORM_REFUSED.format(**ON_SQLITE), AT_MOST, 0, _refused(STORM)),
    Alone(
        texts.STORM_REFUSED.format(**ON_MARIADB),
        AT_MOST,
        0,
        _refused(STORM_MARIADB),
    ),
    Alone(
        texts.BARE_FLASK,
        AT_LEAST,
        0.6,
        _bare_flask,
    ),
    Alone(texts.TEN_MILLION.format(me=ME_SQLITE), AT_LEAST, 0.9, _ten_million("sizes-sqlite")),
    Alone(texts.TEN_MILLION.format(me=ME_MARIADB), AT_LEAST, 0.9, _ten_million("sizes-mariadb")),
    Alone(texts.FAILED_BY_RELOAD, AT_MOST, 0, _failed("reload")),
    Alone(texts.FAILED_BY_MAX_REQUESTS, AT_MOST, 0, _failed("max_requests")),
]
