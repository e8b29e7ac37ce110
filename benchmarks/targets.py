"""What the figures are to be. A target reads its figure from the results, or finds none.

It needs the standard library alone, as the results do: the plots show targets too.
"""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.results import FASTAPI, MYAPI, TUNED, TUTORIAL, Results, Spread


@dataclass(frozen=True)
class Target:
    what: str
    at_least: bool  # else at most

    def met(self, figure: Spread, wanted: float) -> bool:
        found = figure.median
        return found >= wanted if self.at_least else found <= wanted


@dataclass(frozen=True)
class ToPeers(Target):
    """For myapi's figure over that of each peer named, round by round."""

    case: str
    figure: str
    wanted: dict[str, float]  # by peer

    def read(self, results: Results, peer: str) -> Spread | None:
        return results.ratio(self.case, self.figure, to=peer)

    def height(self, results: Results) -> float | None:
        """Return myapi's figure that would meet the target to each peer at once."""
        found = {peer: results.figure(self.case, peer, self.figure) for peer in self.wanted}
        heights = [self.wanted[peer] * each.median for peer, each in found.items() if each]
        if not heights:
            return None
        return max(heights) if self.at_least else min(heights)


@dataclass(frozen=True)
class Alone(Target):
    """For figures of myapi alone."""

    wanted: float
    read: Callable[[Results], Spread | None]
    unit: str = ""  # none for a ratio and for a count


def _bare_flask(results: Results) -> Spread | None:
    bare, full = "bare Flask hello", "GET /api/hello"
    return results.ratio("in-process", bare, to=MYAPI, to_name=full)


def _hello_beside_logins(results: Results) -> Spread | None:
    return results.figure(LOGINS, MYAPI, "hello_p99")


def _refused(case: str) -> Callable[[Results], Spread | None]:
    """Return the logins answered 503 a second, in the worst turn."""

    def read(results: Results) -> Spread | None:
        found = results.values(case, MYAPI, "busy_rate")
        return Spread.of([max(found)]) if found else None

    return read


def _ten_million(case: str) -> Callable[[Results], Spread | None]:
    return lambda results: results.ratio(case, "rate", f"{MYAPI} 10M", f"{MYAPI} 10k")


def _failed(variant: str) -> Callable[[Results], Spread | None]:
    """Return how many calls failed in all turns together."""

    def read(results: Results) -> Spread | None:
        found = results.values("restarts", variant, "failed")
        return Spread.of([sum(found)]) if found else None

    return read


ME, MEMORY = "`/api/me`", "Memory (PSS) of all processes"
LOGINS = "login-100ms-256"
STORM, STORM_MARIADB = "login-1000ms-1000", "login-mariadb-1000ms-1000"
OF_STORM = "WeChat at 1 000 ms, 1 000 clients"
HELLO = "p99 of `/api/hello` beside logins (WeChat at 100 ms, 256 clients)"
GROWN = "at 10 million sessions over 10 thousand"
LEAST, MOST = True, False

TO_PEERS = [
    ToPeers(
        f"{ME} on SQLite, answers a second",
        LEAST,
        "me-sqlite",
        "rate",
        {TUTORIAL: 2.0, TUNED: 0.95, FASTAPI: 3.0},
    ),
    ToPeers(f"{ME} on SQLite, p99 at 32 clients", MOST, "me-sqlite", "p99", {TUNED: 0.6}),
    ToPeers(
        f"{ME} on MariaDB, answers a second",
        LEAST,
        "me-mariadb",
        "rate",
        {TUTORIAL: 1.1, TUNED: 0.7},
    ),
    ToPeers(
        "Logins a second, WeChat at 100 ms, 256 clients",
        LEAST,
        LOGINS,
        "rate",
        {TUTORIAL: 1.2, TUNED: 1.0},
    ),
    ToPeers(f"Logins a second, {OF_STORM}", LEAST, STORM, "rate", {TUNED: 1.0}),
    ToPeers(f"Logins a second on MariaDB, {OF_STORM}", LEAST, STORM_MARIADB, "rate", {TUNED: 1.0}),
    ToPeers(HELLO, MOST, LOGINS, "hello_p99", {TUNED: 0.15}),
    ToPeers(f"{MEMORY}, idle", MOST, "resources", "idle", {TUTORIAL: 0.78}),
    ToPeers(f"{MEMORY}, loaded", MOST, "resources", "loaded", {TUTORIAL: 0.55}),
]
ALONE = [
    Alone(HELLO, MOST, 25.0, _hello_beside_logins, "ms"),
    Alone(f"Logins refused with 503 a second, {OF_STORM}", MOST, 0, _refused(STORM)),
    Alone(
        f"Logins refused with 503 a second on MariaDB, {OF_STORM}", MOST, 0, _refused(STORM_MARIADB)
    ),
    Alone(
        "`/api/hello` in the process: CPU of a bare Flask hello over its own",
        LEAST,
        0.6,
        _bare_flask,
    ),
    Alone(f"{ME} on SQLite {GROWN}", LEAST, 0.9, _ten_million("sizes-sqlite")),
    Alone(f"{ME} on MariaDB {GROWN}", LEAST, 0.9, _ten_million("sizes-mariadb")),
    Alone("Calls failed by a reload under load", MOST, 0, _failed("reload")),
    Alone("Calls failed by `max_requests` under load", MOST, 0, _failed("max_requests")),
]
