"""What the figures are to be. A target reads its figure from the results, or finds none.

It needs the standard library alone, as the results do: the plots show targets too.
"""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.results import MYAPI, Results, Spread


@dataclass(frozen=True)
class Target:
    what: str
    wanted: float
    at_least: bool  # else at most

    def met(self, figure: Spread) -> bool:
        found = figure.median
        return found >= self.wanted if self.at_least else found <= self.wanted


@dataclass(frozen=True)
class ToPeer(Target):
    """For myapi's figure over a peer's, round by round."""

    case: str
    figure: str

    def read(self, results: Results, peer: str) -> Spread | None:
        return results.ratio(self.case, self.figure, to=peer)


@dataclass(frozen=True)
class Alone(Target):
    """For figures of myapi alone."""

    read: Callable[[Results], Spread | None]


def _bare_flask(results: Results) -> Spread | None:
    bare, full = "bare Flask hello", "GET /api/hello"
    return results.ratio("in-process", bare, to=MYAPI, to_name=full)


def _hello_beside_logins(results: Results) -> Spread | None:
    return results.ratio(LOGINS, "hello_p99", to=MYAPI, to_name="hello_idle_p99")


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
GROWN = "at 10 million sessions over 10 thousand"
LEAST, MOST = True, False

TO_PEERS = [
    ToPeer(f"{ME} on SQLite, answers a second", 2.0, LEAST, "me-sqlite", "rate"),
    ToPeer(f"{ME} on MariaDB, answers a second", 1.2, LEAST, "me-mariadb", "rate"),
    ToPeer(f"{ME} on SQLite, p99 at 32 clients", 1.0, MOST, "me-sqlite", "p99"),
    ToPeer("Forged tokens, answers a second", 2.0, LEAST, "forged", "rate"),
    ToPeer("Logins a second, WeChat at 100 ms, 256 clients", 1.0, LEAST, LOGINS, "rate"),
    ToPeer(f"{MEMORY}, idle", 0.6, MOST, "resources", "idle"),
    ToPeer(f"{MEMORY}, loaded", 0.6, MOST, "resources", "loaded"),
]
ALONE = [
    Alone(
        "`/api/hello` in the process: CPU of a bare Flask hello over its own",
        0.6,
        LEAST,
        _bare_flask,
    ),
    Alone(
        "p99 of `/api/hello` beside logins (WeChat at 100 ms, 256 clients) over its idle p99",
        2.0,
        MOST,
        _hello_beside_logins,
    ),
    Alone(f"{ME} on SQLite {GROWN}", 0.9, LEAST, _ten_million("sizes-sqlite")),
    Alone(f"{ME} on MariaDB {GROWN}", 0.9, LEAST, _ten_million("sizes-mariadb")),
    Alone("Calls failed by a reload under load", 0, MOST, _failed("reload")),
    Alone("Calls failed by `max_requests` under load", 0, MOST, _failed("max_requests")),
]
