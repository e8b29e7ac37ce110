"""CPU time of one request at the WSGI interface, without a server.

    .venv/bin/python -m benchmarks.in_process [--tokens 10000] [--rounds 7] [--mariadb]

Each figure is the median over rounds, in microseconds of this process's CPU. Every round runs all
cases, so that drift of the machine affects all alike. Log lines are formatted and written as in
production, to /dev/null. WeChat is a separate process, and each login is that of a new user.
"""

import argparse
import contextlib
import io
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import insert
from werkzeug.test import EnvironBuilder

from benchmarks.wechat import WeChat
from myapi import create_app
from myapi.auth.models import Session
from myapi.clock import now
from myapi.db import migrate
from myapi.db.transactions import write
from myapi.extensions import tokens
from myapi.settings import Settings
from myapi.users.models import User

Call = Callable[[int], None]

UNLIMITED = "1000000/minute"
NGINX_HEADERS = {
    "X-Forwarded-For": "192.0.2.7",
    "X-Forwarded-Proto": "https",
    "X-Request-Id": "5f0c2a9d8e7b4c1f3a6d9e0212345678",
}


def main() -> None:
    options = _options()
    with contextlib.ExitStack() as stack:
        cases = dict(_cases(options.tokens, stack, mariadb=options.mariadb))
        figures = _measure(cases, options.rounds, options.calls)
    bare = figures["bare Flask hello"]
    print(f"{'case':<40} {'CPU µs':>8} {'× bare':>7}")
    for name, micros in figures.items():
        print(f"{name:<40} {micros:>8.1f} {micros / bare:>7.2f}")


def _cases(count: int, stack: contextlib.ExitStack, *, mariadb: bool) -> Iterator[tuple[str, Call]]:
    yield "bare Flask hello", _get(_bare_flask(), "/hello")
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    wechat = stack.enter_context(WeChat())
    app, live = _app(f"sqlite:///{folder}/myapi.db", folder, count, wechat.url)
    yield "GET /api/hello", _get(app, "/api/hello")
    forged = [{"HTTP_AUTHORIZATION": f"Bearer {token[:-6]}AAAAAA"} for token in live]
    yield "GET /api/me, forged token", _get(app, "/api/me", forged, 401)
    alive = [{"HTTP_AUTHORIZATION": f"Bearer {token}"} for token in live]
    yield f"GET /api/me, SQLite, {count} tokens", _get(app, "/api/me", alive)
    yield "POST /api/auth/login, SQLite", _login(app)
    if mariadb:
        from tests.servers import MariaDB  # (needs the server installed)

        server = stack.enter_context(MariaDB())
        app, live = _app(server.create_database("bench"), folder, count, wechat.url)
        alive = [{"HTTP_AUTHORIZATION": f"Bearer {token}"} for token in live]
        yield f"GET /api/me, MariaDB, {count} tokens", _get(app, "/api/me", alive)
        yield "POST /api/auth/login, MariaDB", _login(app)


def _bare_flask() -> Flask:
    app = Flask("bare")

    @app.get("/hello")
    def hello() -> dict[str, Any]:
        return {"code": 0, "msg": "hello", "time": "2026-01-01T00:00:00Z"}

    return app


def _app(url: str, folder: Path, count: int, wechat: str) -> tuple[Flask, list[str]]:
    """Create a production app and `count` users, each with a live session used a minute ago."""
    app = create_app(
        Settings(
            env="production",
            secret_keys=("a key for benchmarks only, 0123456789",),
            database_url=url,
            wechat_appid="wx0123456789abcdef",
            wechat_secret="unused",
            wechat_base_url=wechat,
            instance_path=folder,
            trusted_proxies=1,
            rate_limit_login=UNLIMITED,
            rate_limit_login_failed=UNLIMITED,
        )
    )
    _log_to_dev_null()
    with app.app_context():
        migrate.upgrade()
        return app, _fill(count)


def _fill(count: int) -> list[str]:
    issued = [tokens().new() for _ in range(count)]
    moment = now()
    users = [
        {
            "id": n + 1,
            "public_id": f"{n:024x}",
            "appid": "wx0123456789abcdef",
            "openid": f"o{n:027}",
            "nickname": f"user {n}",
            "created_at": moment,
        }
        for n in range(count)
    ]
    sessions = [
        {
            "public_id": f"{n:024x}",
            "user_id": n + 1,
            "token_digest": token.digest,
            "code_digest": token.digest,
            "ip": "192.0.2.1",
            "user_agent": "bench",
            "created_at": moment,
            "last_seen_at": moment - timedelta(minutes=1),
        }
        for n, token in enumerate(issued)
    ]
    write(lambda tx: tx.execute(insert(User), users))
    write(lambda tx: tx.execute(insert(Session), sessions))
    return [token.text for token in issued]


def _log_to_dev_null() -> None:
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(open("/dev/null", "w"))  # noqa: SIM115, PTH123


def _get(
    app: Flask, path: str, environs: list[dict[str, str]] | None = None, status: int = 200
) -> Call:
    """Return a function that sends the n-th GET request at the WSGI interface."""
    base = _environ(path=path)
    environs = environs or [{}]

    def call(n: int) -> None:
        environ = {**base, **environs[n % len(environs)], "wsgi.input": io.BytesIO()}
        _call(app, environ, str(status))

    return call


def _login(app: Flask) -> Call:
    """Return a function that sends the login of the n-th user."""
    base = _environ(path="/api/auth/login", method="POST", content_type="application/json")
    base["HTTP_USER_AGENT"] = "bench"

    def call(n: int) -> None:
        body = json.dumps({"code": f"0-{n}"}).encode()
        sent = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        _call(app, {**base, **sent}, "200")

    return call


def _environ(**request: Any) -> dict[str, Any]:
    return EnvironBuilder(headers=NGINX_HEADERS, **request).get_environ()


def _call(app: Flask, environ: dict[str, Any], expected: str) -> None:
    def start_response(line: str, headers: object, exc_info: object = None) -> None:
        assert line.startswith(expected), line

    result = app.wsgi_app(environ, start_response)
    b"".join(result)
    if close := getattr(result, "close", None):
        close()


def _measure(cases: dict[str, Call], rounds: int, calls: int) -> dict[str, float]:
    spent: dict[str, list[float]] = {name: [] for name in cases}
    for call in cases.values():
        for n in range(200):
            call(-1 - n)
    for turn in range(rounds):
        for name, call in cases.items():
            started = time.process_time()
            for n in range(turn * calls, (turn + 1) * calls):
                call(n)
            spent[name].append((time.process_time() - started) / calls * 1e6)
    return {name: statistics.median(figures) for name, figures in spent.items()}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--mariadb", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
