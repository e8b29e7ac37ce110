"""What the figures are to be. A target reads its figure from the results, or finds none."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.results import Results, Spread


@dataclass(frozen=True)
class Target:
    what: str
    wanted: float
    at_least: bool  # else at most
    case: str
    read: Callable[[Results], Spread | None]

    def met(self, figure: Spread) -> bool:
        found = figure.median
        return found >= self.wanted if self.at_least else found <= self.wanted


def _to_peer(case: str, name: str) -> Callable[[Results], Spread | None]:
    return lambda results: results.ratio(case, name)


def _bare_flask(results: Results) -> Spread | None:
    bare, full = "bare Flask hello", "GET /api/hello"
    return results.ratio("in-process", bare, to="myapi", to_name=full)


def _hello_beside_logins(results: Results) -> Spread | None:
    case = "login-100ms-256"
    return results.ratio(case, "hello_p99", to="myapi", to_name="hello_idle_p99")


def _ten_million(case: str) -> Callable[[Results], Spread | None]:
    return lambda results: results.ratio(case, "rate", "myapi 10M", "myapi 10k")


def _failed(variant: str) -> Callable[[Results], Spread | None]:
    """Return how many calls failed in all turns together."""

    def read(results: Results) -> Spread | None:
        found = results.values("restarts", variant, "failed")
        return Spread.of([sum(found)]) if found else None

    return read


def _all() -> Iterator[Target]:
    """A figure ends in × where it is myapi's over the peer's, round by round."""
    me, logins, memory = "`/api/me`", "login-100ms-256", "Memory (PSS) of all processes"
    for engine, wanted in (("sqlite", 2.0), ("mariadb", 1.2)):
        name = {"sqlite": "SQLite", "mariadb": "MariaDB"}[engine]
        case = f"me-{engine}"
        yield Target(
            f"{me} on {name}, answers a second ×", wanted, True, case, _to_peer(case, "rate")
        )
    yield Target(
        f"{me} on SQLite, p99 at 32 clients ×",
        1.0,
        False,
        "me-sqlite",
        _to_peer("me-sqlite", "p99"),
    )
    yield Target(
        "Forged tokens, answers a second ×", 2.0, True, "forged", _to_peer("forged", "rate")
    )
    yield Target(
        "`/api/hello` in the process: CPU of a bare Flask hello over its own",
        0.6,
        True,
        "in-process",
        _bare_flask,
    )
    yield Target(
        "Logins a second, WeChat at 100 ms, 256 clients ×",
        1.0,
        True,
        logins,
        _to_peer(logins, "rate"),
    )
    yield Target(
        "p99 of `/api/hello` meanwhile over its idle p99", 2.0, False, logins, _hello_beside_logins
    )
    for when in ("idle", "loaded"):
        yield Target(f"{memory}, {when} ×", 0.6, False, "resources", _to_peer("resources", when))
    for case, name in (("sizes-sqlite", "SQLite"), ("sizes-mariadb", "MariaDB")):
        what = f"{me} on {name} at 10 million sessions over 10 thousand"
        yield Target(what, 0.9, True, case, _ten_million(case))
    for variant, what in (("reload", "a reload"), ("max_requests", "`max_requests`")):
        what = f"Calls failed by {what} under load"
        yield Target(what, 0, False, "restarts", _failed(variant))


TARGETS = list(_all())
