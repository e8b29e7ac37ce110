"""How long each page of the console takes with ten thousand and with a million users.

`python -m benchmarks.console` fills SQLite and MariaDB with users, a device each, half as many
events, messages and entries of the audit log, and 190 days of hours; serves this checkout with one
worker; and gets each page `ROUNDS` times. `--users N` takes one number of users.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import requests

from benchmarks.databases import Database, Maria, Sqlite
from benchmarks.fill import APPID, fill
from benchmarks.results import MYAPI
from tests.servers import DISK, MariaDB
from tests.service import Service

ROUNDS = 20
LIMIT = 300  # ms, what the slowest page may take
USERS = (10_000, 1_000_000)
HOURS = 190 * 24
NAMES = ("login.ok", "login.rate_limited", "logout.ok", "signup", "wechat.ok", "wechat.timeout")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, nargs="*", default=USERS)
    counts = parser.parse_args().users
    print(f"{'page':42} {'database':8} {'users':>9} {'median ms':>9} {'slowest ms':>10}")
    for name, database in DATABASES.items():
        for users in counts:
            with TemporaryDirectory(dir=DISK) as folder, database(Path(folder)) as filled:
                measure(name, filled, users, Path(folder))


def measure(name: str, database: Database, users: int, folder: Path) -> None:
    fill(database, MYAPI, users, folder)
    fill_the_rest(database, users)
    settings = {"wechat_appid": APPID, "wechat_secret": "unused"}
    with Service(database_url=database.myapi_url, **settings) as service:
        assert service.flask("events", "purge").returncode == 0
        assert service.flask("sessions", "purge").returncode == 0  # counts the users
        operator = sign_in(service)
        for page, path in pages(users).items():
            times = [timed(operator, f"{service.url}/console/{path}") for _ in range(ROUNDS)]
            median, slowest = statistics.median(times), max(times)
            note = "" if slowest <= LIMIT else f"  over {LIMIT} ms"
            print(f"{page:42} {name:8} {users:9} {median:9.0f} {slowest:10.0f}{note}", flush=True)


def fill_the_rest(database: Database, users: int) -> None:
    moment = f"'{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S.%f}'"
    half = users // 2
    common = {"id": "n", "created_at": moment, "next_at": moment, "attempts": "1"}
    # One event or message in a thousand has failed.
    state = "CASE WHEN n % 1000 = 0 THEN 'failed' ELSE {} END"
    database.insert(
        "myapi_events",
        {
            **common,
            "appid": f"'{APPID}'",
            "digest": f"digest(n, {half})",
            "user_digest": f"digest(n, {half})",
            "name": "'subscribe_msg_popup_event'",
            "state": state.format("'done'"),
        },
        half,
    )
    database.insert(
        "myapi_messages",
        {**common, "user_id": "n", "template_id": "'template'", "state": state.format("'sent'")},
        half,
    )
    database.insert(
        "myapi_audit",
        {
            "id": "n",
            "appid": f"'{APPID}'",
            "at": moment,
            "actor_kind": "'command'",
            "event": "'ban'",
            "user": "hex24(n)",
        },
        half,
    )
    began = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0, tzinfo=None)
    rows = [
        (APPID, str(began - timedelta(hours=hour)) + ".000000", name, 1000)
        for hour in range(HOURS)
        for name in NAMES
    ]
    database.run("INSERT INTO myapi_hours (appid, hour, name, count) VALUES (?, ?, ?, ?)", rows)


def sign_in(service: Service) -> requests.Session:
    made = service.flask("console", "link", "--name", "benchmark")
    query = urlsplit(made.stdout.strip()).query
    operator = requests.Session()
    opened = operator.post(
        f"{service.url}/console/open", data={"secret": query.partition("=")[2]}, timeout=10
    )
    assert opened.ok, opened.text
    return operator


def pages(users: int) -> dict[str, str]:
    """Return the path of each page; those of the middle and the end of a list too."""
    one = f"{users // 2:024x}"
    return {
        "overview": "",
        "users": "users",
        "users, from the middle": f"users?after={users // 2}",
        "users: an openid (redirects)": f"users?q={one}",
        "users: a phone number that none has": "users?q=13800000000",
        "users: a nickname that begins as all do": "users?q=0000",
        "users: a nickname of sixteen": f"users?q={one[:-1]}",
        "users: a nickname that none has": "users?q=nobody",
        "one user": f"users/{one}",
        "events": "events",
        "events, from the middle": f"events?after={users // 4}",
        "messages": "messages",
        "messages that failed": "messages?state=failed",
        "messages, from the middle": f"messages?after={users // 4}",
        "audit": "audit",
        "audit of one user": f"audit?user={one}",
        "audit, from the middle": f"audit?after={users // 4}",
    }


def timed(operator: requests.Session, url: str) -> float:
    started = time.perf_counter()
    answer = operator.get(url, timeout=60)
    milliseconds = (time.perf_counter() - started) * 1000
    assert answer.ok, (url, answer.status_code, answer.text[:500])
    return milliseconds


@contextmanager
def sqlite(folder: Path) -> Iterator[Database]:
    yield Sqlite(folder / "console.db")


@contextmanager
def mariadb(_folder: Path) -> Iterator[Database]:
    with MariaDB() as server:
        yield Maria(server, "console")


DATABASES: dict[str, Callable[[Path], "contextmanager[Database]"]] = {
    "sqlite": sqlite,
    "mariadb": mariadb,
}

if __name__ == "__main__":
    main()
