"""The benchmark cases: name, variants and load of each.

To add one, write a function in `loads.py` that loads a stack and returns figures, list it here, and
add its title to `report_texts.py`.
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from benchmarks.bench import Bench, Case, Variants
from benchmarks.loads import (
    flood,
    floor,
    forged,
    hello,
    in_process,
    logins,
    me,
    resources,
    restarted,
    wechat_limit,
)
from benchmarks.results import FASTAPI, MYAPI, STACKS, TUNED, TUTORIAL

ONE_EXPRESS = (MYAPI, TUTORIAL, FASTAPI)
LIMIT = 10  # logins a minute in the case where a flood is refused
SIZES = {"10k": 10_000, "1M": 1_000_000, "10M": 10_000_000}
DELAYS, PHONES = (0, 100, 1000), (16, 256, 1000)
QUICK = {(100, 256), (1000, 1000)}  # the login cases of `make bench`


# ---- variants ----


def all_stacks(**options: Any) -> Callable[[Bench], Variants]:
    return _stacks(STACKS, options)


def one_express(**options: Any) -> Callable[[Bench], Variants]:
    """Leave tuned Express out: it differs only where tokens are read or made."""
    return _stacks(ONE_EXPRESS, options)


def _stacks(kinds: tuple[str, ...], options: dict[str, Any]) -> Callable[[Bench], Variants]:
    return lambda bench: {
        kind: lambda kind=kind: bench.stack(kind, **options)  # type: ignore[misc]
        for kind in kinds
    }


def sizes(engine: str) -> Callable[[Bench], Variants]:
    """Stacks on small and large tables, all running and loaded one at a time."""
    return lambda bench: {
        f"{kind} {size}": lambda kind=kind, rows=rows: bench.stack(kind, engine, rows)  # type: ignore[misc]
        for size, rows in SIZES.items()
        for kind in (MYAPI, TUNED)
    }


def on_the_floor(bench: Bench) -> Variants:
    """The same server with simpler apps, and Nginx without an app."""
    apps = {
        "raw WSGI": "benchmarks.floor.raw:app",
        "bare Flask": "benchmarks.floor.bare_flask:app",
        "myapi": "wsgi:app",
        "Nginx alone": "wsgi:app",
    }
    return {
        name: lambda name=name, app=app: bench.stack("myapi", label=name, app=app)  # type: ignore[misc]
        for name, app in apps.items()
    }


def restarts(bench: Bench) -> Variants:
    recycled = ["--max-requests", "2000", "--max-requests-jitter", "500"]
    return {
        "reload": lambda: bench.stack("myapi", label="reload"),
        "max_requests": lambda: bench.stack("myapi", label="max_requests", arguments=recycled),
    }


def by_name(*names: str) -> Callable[[Bench], Variants]:
    """Pass only the name to the load function."""
    return lambda bench: {name: lambda name=name: nullcontext(name) for name in names}  # type: ignore[misc]


# ---- cases ----

CASES = [
    Case("me-sqlite", all_stacks(), me),
    Case("me-mariadb", all_stacks(engine="mariadb"), me),
    Case("forged", all_stacks(), forged),
    Case("hello", one_express(), hello),
    Case("flood", one_express(login_limit=LIMIT), flood),
    *(
        Case(
            f"login-{delay}ms-{clients}",
            all_stacks(),
            logins(clients, delay),
            full=(delay, clients) not in QUICK,
        )
        for delay in DELAYS
        for clients in PHONES
    ),
    Case("login-mariadb", all_stacks(engine="mariadb"), logins(256, 100), full=True),
    Case("login-mariadb-1000ms-1000", all_stacks(engine="mariadb"), logins(1000, 1000)),
    Case("resources", by_name(*ONE_EXPRESS), resources, max_rounds=3),
    Case("floor", on_the_floor, floor, max_rounds=3),
    Case("restarts", restarts, restarted, max_rounds=2),
    Case("in-process", by_name(MYAPI), in_process, max_rounds=1),
    Case("wechat-limit", by_name("wechat"), wechat_limit, max_rounds=1),
    Case("sizes-sqlite", sizes("sqlite"), me, full=True),
    Case("sizes-mariadb", sizes("mariadb"), me, full=True),
]
