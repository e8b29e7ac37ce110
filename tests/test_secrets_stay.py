"""No secret leaves: a service on its worst day says nothing secret, however much it is asked to.

A day of everything is driven over the real service, with every logger at its most talkative;
then all that it has printed, logged and answered is searched for the secrets that were used.
"""

import secrets
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import pymysql
import pytest

from myapi.wechat.sandbox import FAULTS
from tests.requirements import need
from tests.servers import HOST, MariaDB, free_port
from tests.service import at_once, migrate

ERRCODES = [-1, 40013, 40125, 40164, 40226, 40243, 41008, 45011, 47001]

# The app, with all that anybody wants to log; engines ask for the level when they are made.
TALKATIVE = """
import logging
import warnings

logging.captureWarnings(True)
warnings.simplefilter("always")
NAMES = ["", "asyncio", "flask_limiter", "flask-limiter", "gunicorn.error", "limits", "myapi"]
NAMES += ["pymysql", "redis", "requests", "sqlalchemy", "urllib3", "werkzeug"]

def talk():
    for name in [*NAMES, *logging.root.manager.loggerDict]:
        logging.getLogger(name).setLevel(1)

talk()
from wsgi import app
talk()
"""


def secret(what):
    return f"{what}-{secrets.token_hex(16)}"


class Day:
    """A service, the secrets that it is told or makes, and all that comes out of it."""

    def __init__(self, serve, wechat, tmp_path, monkeypatch, **settings):
        (tmp_path / "talkative.py").write_text(TALKATIVE)
        self.wechat = wechat
        self.secrets = {settings["secret_keys"]}
        self.out = []
        self._note_session_keys(monkeypatch)
        self.service = serve(
            app="talkative:app",
            environ={"PYTHONPATH": str(tmp_path), "FLASK_APP": "talkative:app"},
            wechat_timeout=0.3,
            **settings,
        )

    def _note_session_keys(self, monkeypatch):
        exchange = self.wechat.sandbox.exchange

        def noting(appid, app_secret, code, *rest):
            if code.startswith("echo"):  # a WeChat that tells the world what it was told
                return {"errcode": 40029, "errmsg": f"{code} of {appid}, {app_secret}"}
            answer = exchange(appid, app_secret, code, *rest)
            self.secrets |= {answer["session_key"]} if "session_key" in answer else set()
            return answer

        monkeypatch.setattr(self.wechat.sandbox, "exchange", noting)

    def code(self, name):
        code = f"{name}.{secret('code')}"
        self.secrets.add(code)
        return code

    def login(self, name, code=None):
        """Log in; the token may be in this answer, and nowhere else."""
        response = self.service.login(code or self.code(name))
        text = response.text
        if response.ok:
            token = response.json()["data"]["token"]
            self.secrets |= {token, *token.split(".")}
            text = text.replace(token, "")
        self.out.append(f"{response.headers}\n{text}")
        return token if response.ok else response.json()["error"]

    def call(self, method, path, token=None, **options):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = self.service.call(method, path, headers=headers, **options)
        self.out.append(f"{response.headers}\n{response.text}")
        return response

    def flask(self, *arguments, code=0):
        done = self.service.flask(*arguments)
        assert done.returncode == code, done.stderr
        self.out += [done.stdout, done.stderr]

    def told(self):
        return "\n".join([*self.out, self.service.log()])


@pytest.fixture
def on_mariadb(serve, wechat, tmp_path, monkeypatch):
    """Production on MariaDB, with a Redis that is away."""
    need(MariaDB)
    keys, password = f"{secret('old')},{secret('new')}", secret("password")
    with MariaDB(innodb_flush_log_at_trx_commit=0) as server:
        with _root(server) as root:
            root.execute("CREATE DATABASE served CHARACTER SET utf8mb4")
            root.execute(f"CREATE USER plain IDENTIFIED BY '{password}'")
            root.execute("GRANT ALL ON served.* TO plain")
        where = f"plain:{password}@{HOST}:{server.port}/served"
        day = Day(
            serve,
            wechat,
            tmp_path,
            monkeypatch,
            env="production",
            wechat_appid="wx-served",
            wechat_secret=(app_secret := secret("appsecret")),
            secret_keys=keys,
            database_url=migrate(f"mysql+pymysql://{where}?charset=utf8mb4", tmp_path),
            rate_limit_storage_url=f"redis://:{(redis := secret('redis'))}@{HOST}:{free_port()}/0",
        )
        day.secrets |= {*keys.split(","), password, app_secret, redis}
        yield day, server


@pytest.fixture
def on_sqlite(serve, wechat, tmp_path, monkeypatch, migrated_sqlite):
    """Development on SQLite, with log lines for people."""
    file = tmp_path / "day.db"
    file.write_bytes(Path(migrated_sqlite).read_bytes())
    day = Day(
        serve,
        wechat,
        tmp_path,
        monkeypatch,
        secret_keys=secret("key"),
        log_format="text",
        database_url=f"sqlite:///{file}",
    )
    return day, file


def test_a_day_of_everything_in_production_tells_no_secret(on_mariadb):
    day, server = on_mariadb
    token = everything(day)
    commands(day)
    with _root(server) as root:
        root.execute("SET SESSION sql_mode = ''")
        root.execute("UPDATE served.users SET created_at = '0000-00-00'")
        assert day.call("GET", "/api/me", token).status_code == 500
        root.execute("RENAME TABLE served.sessions TO served.elsewhere")
        assert day.call("GET", "/api/me", token).status_code == 503
        root.execute("RENAME TABLE served.elsewhere TO served.sessions")
        root.execute("SET PASSWORD FOR plain = PASSWORD('another')")
        for (thread,) in _threads_of(root):
            root.execute(f"KILL {thread}")
    outage(day, token)
    day.flask("users", "list", code=1)
    server.stop()
    outage(day, token)
    day.flask("stats", code=1)
    nothing_secret_in(day, "Access denied", "Connection refused")


def test_a_day_of_everything_in_development_tells_no_secret(on_sqlite):
    day, file = on_sqlite
    token = everything(day)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE users SET created_at = 'no time'")
        assert day.call("GET", "/api/me", token).status_code == 500
        connection.execute("ALTER TABLE users RENAME TO elsewhere")
    outage(day, token)
    nothing_secret_in(day, "no such table", "no time")


def everything(day):
    """Log in and out, rightly, wrongly and on WeChat's bad days; return a token that lives."""
    logins(day)
    bad_days_of_wechat(day)
    decryptions(day)
    misplaced(day)
    bans(day)
    return day.login("alice")


def logins(day):
    code = day.code("alice")
    first, resent = day.login("alice", code), day.login("alice", code)
    assert day.call("GET", "/api/me", resent).status_code == 200
    assert day.call("GET", "/api/me", first).status_code == 401
    for refused in ("bad", "used", "blocked", "echo"):
        assert " " not in day.login(refused)
    assert day.login("alice", code) == "login_code_invalid"
    day.call("POST", "/api/auth/logout", resent)
    day.call("GET", "/api/me", resent)


def bad_days_of_wechat(day):
    for kind in [*FAULTS, *ERRCODES]:
        day.wechat.sandbox.set_fault(kind, 2)
        day.login("bob")
    day.wechat.sandbox.set_fault("busy", 0)
    day.wechat.slow = 0.0


def decryptions(day):
    token = day.login("alice")
    right = day.wechat.sandbox.encrypt("alice", {"phone": "1"})
    assert day.call("POST", "/api/me/decrypt", token, json=right).status_code == 200
    for wrong in (
        {**right, "iv": "AAAAAAAAAAAAAAAAAAAAAA=="},
        {**right, "signature": "0" * 40},
        {**right, "encryptedData": "!"},
        day.wechat.sandbox.encrypt("alice", {"watermark": {"appid": "another", "timestamp": 1}}),
    ):
        assert day.call("POST", "/api/me/decrypt", token, json=wrong).status_code == 400


def misplaced(day):
    """Send tokens and codes where they do not belong."""
    token, code = day.login("alice"), day.code("alice")
    day.call("GET", f"/api/me?token={token}&code={code}")
    day.call("GET", f"/{token}")
    day.call("DELETE", f"/api/auth/sessions/{token}", token)
    day.call("PUT", "/api/me", token, json={"nickname": [token]})
    day.call("POST", "/api/auth/login", json={"code": {"code": code}})
    day.call("POST", "/api/auth/login", data=f'{{"code": "{code}"')
    day.call("GET", "/api/me", token[:-2])
    for line in (f"Authorization: Bearer {token}", f"Authorization : Bearer {token}", "Bearer"):
        for head in (f"GET /?token={token} HTTP/1.1", f"GET /?code={code}"):
            # Gunicorn shows its sender what it cannot read; nobody else may see it.
            day.service.send(f"{head}\r\nHost: x\r\n{line} {token}\r\n\r\n".encode())


def bans(day):
    token = day.login("mallory")
    user = day.call("GET", "/api/me", token).json()["data"]["id"]
    day.flask("users", "ban", user)
    assert day.call("GET", "/api/me", token).status_code == 403
    assert day.login("mallory") == "user_banned"
    day.flask("users", "erase", user, "--yes")
    assert day.login("mallory") == "user_banned"


def commands(day):
    token = day.login("alice")
    user = day.call("GET", "/api/me", token).json()["data"]["id"]
    at_once(
        lambda: day.flask("users", "list", "--json"),
        lambda: day.flask("users", "export", user),
        lambda: day.flask("sessions", "list"),
        lambda: day.flask("stats"),
        lambda: day.flask("users", "show", "--", token, code=1),
        lambda: day.flask("backup", "/nowhere/backup.db", code=1),
    )


def outage(day, token):
    assert day.call("GET", "/api/me", token).status_code == 503
    assert day.login("alice") == "service_unavailable"
    day.call("GET", "/readyz")


def nothing_secret_in(day, *expected):
    told = day.told()
    for text in ("wechat_failed", "unhandled error", "SELECT", *expected):
        assert text in told, f"the day was not as bad as it was meant to be: no {text}"
    found = [s for s in day.secrets if s in told]
    assert [told[max(0, (at := told.index(s)) - 200) : at + 80] for s in found] == []


@contextmanager
def _root(server):
    socket = f"{server.folder}/socket"
    with pymysql.connect(unix_socket=socket, user="root", autocommit=True) as connection:
        yield connection.cursor()


def _threads_of(root):
    root.execute("SELECT id FROM information_schema.processlist WHERE user = 'plain'")
    return root.fetchall()
