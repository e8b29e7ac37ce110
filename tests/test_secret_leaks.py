"""No secret appears in any output of the service.

A scenario of all kinds of calls and failures runs against the real service with every logger at
its lowest level. Then everything printed, logged and answered is searched for the secrets used.
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

# The app with every logger at level 1; SQLAlchemy engines read the level when they are created.
VERBOSE_APP = """
import logging
import warnings

logging.captureWarnings(True)
warnings.simplefilter("always")
NAMES = ["", "asyncio", "flask_limiter", "flask-limiter", "gunicorn.error", "limits", "myapi"]
NAMES += ["pymysql", "redis", "requests", "sqlalchemy", "urllib3", "werkzeug"]

def log_everything():
    for name in [*NAMES, *logging.root.manager.loggerDict]:
        logging.getLogger(name).setLevel(1)

log_everything()
from wsgi import app
log_everything()
"""


def secret(kind):
    return f"{kind}-{secrets.token_hex(16)}"


class Scenario:
    """A service, the secrets that it receives or creates, and all its output."""

    def __init__(self, serve, wechat, tmp_path, monkeypatch, **settings):
        (tmp_path / "verbose.py").write_text(VERBOSE_APP)
        self.wechat = wechat
        self.secrets = {settings["secret_keys"]}
        self.outputs = []
        self._record_session_keys(monkeypatch)
        self.service = serve(
            app="verbose:app",
            environ={"PYTHONPATH": str(tmp_path), "FLASK_APP": "verbose:app"},
            wechat_timeout=0.3,
            **settings,
        )

    def _record_session_keys(self, monkeypatch):
        exchange = self.wechat.sandbox.exchange

        def record_exchange(appid, app_secret, code, *rest):
            if code.startswith("echo"):  # a WeChat that echoes secrets in its error message
                return {"errcode": 40029, "errmsg": f"{code} of {appid}, {app_secret}"}
            answer = exchange(appid, app_secret, code, *rest)
            self.secrets |= {answer["session_key"]} if "session_key" in answer else set()
            return answer

        stable_token = self.wechat.sandbox.stable_token

        def record_token(*arguments, **options):
            answer = stable_token(*arguments, **options)
            self.secrets |= {answer["access_token"]} if "access_token" in answer else set()
            return answer

        monkeypatch.setattr(self.wechat.sandbox, "exchange", record_exchange)
        monkeypatch.setattr(self.wechat.sandbox, "stable_token", record_token)

    def code(self, name):
        """Return a new login code, which is recorded as a secret."""
        code = f"{name}.{secret('code')}"
        self.secrets.add(code)
        return code

    def login(self, name, code=None):
        """Log in. The token may be in this answer and nowhere else. Return it, or the error."""
        response = self.service.login(code or self.code(name))
        text = response.text
        if response.ok:
            token = response.json()["data"]["token"]
            self.secrets |= {token, *token.split(".")}
            text = text.replace(token, "")
        self.outputs.append(f"{response.headers}\n{text}")
        return token if response.ok else response.json()["error"]

    def call(self, method, path, token=None, **options):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = self.service.call(method, path, headers=headers, **options)
        self.outputs.append(f"{response.headers}\n{response.text}")
        return response

    def flask(self, *arguments, code=0):
        done = self.service.flask(*arguments)
        assert done.returncode == code, done.stderr
        self.outputs += [done.stdout, done.stderr]

    def output(self):
        """Return all answers, all output of commands, and the log."""
        return "\n".join([*self.outputs, self.service.log()])


@pytest.fixture
def on_mariadb(serve, wechat, tmp_path, monkeypatch):
    """Production on MariaDB, with a Redis that is down."""
    need(MariaDB)
    keys, password = f"{secret('old')},{secret('new')}", secret("password")
    with MariaDB(innodb_flush_log_at_trx_commit=0) as server:
        with _root(server) as root:
            root.execute("CREATE DATABASE served CHARACTER SET utf8mb4")
            root.execute(f"CREATE USER plain IDENTIFIED BY '{password}'")
            root.execute("GRANT ALL ON served.* TO plain")
        login = f"plain:{password}@{HOST}:{server.port}/served"
        scenario = Scenario(
            serve,
            wechat,
            tmp_path,
            monkeypatch,
            env="production",
            wechat_appid="wx-served",
            wechat_secret=(app_secret := secret("appsecret")),
            secret_keys=keys,
            database_url=migrate(f"mysql+pymysql://{login}?charset=utf8mb4", tmp_path),
            rate_limit_storage_url=f"redis://:{(redis := secret('redis'))}@{HOST}:{free_port()}/0",
        )
        scenario.secrets |= {*keys.split(","), password, app_secret, redis}
        yield scenario, server


@pytest.fixture
def on_sqlite(serve, wechat, tmp_path, monkeypatch, migrated_sqlite):
    """Development on SQLite, with text log lines."""
    file = tmp_path / "served.db"
    file.write_bytes(Path(migrated_sqlite).read_bytes())
    scenario = Scenario(
        serve,
        wechat,
        tmp_path,
        monkeypatch,
        secret_keys=secret("key"),
        log_format="text",
        database_url=f"sqlite:///{file}",
    )
    return scenario, file


def test_no_secret_is_in_any_output_in_production(on_mariadb):
    scenario, server = on_mariadb
    token = all_calls(scenario)
    commands(scenario)
    with _root(server) as root:
        root.execute("SET SESSION sql_mode = ''")
        root.execute("UPDATE served.users SET created_at = '0000-00-00'")
        assert scenario.call("GET", "/api/me", token).status_code == 500
        root.execute("RENAME TABLE served.sessions TO served.elsewhere")
        assert scenario.call("GET", "/api/me", token).status_code == 503
        root.execute("RENAME TABLE served.elsewhere TO served.sessions")
        root.execute("SET PASSWORD FOR plain = PASSWORD('another')")
        for (thread,) in _threads_of(root):
            root.execute(f"KILL {thread}")
    outage(scenario, token)
    scenario.flask("users", "list", code=1)
    server.stop()
    outage(scenario, token)
    scenario.flask("stats", code=1)
    assert_no_secret(scenario, "Access denied", "Connection refused")


def test_no_secret_is_in_any_output_in_development(on_sqlite):
    scenario, file = on_sqlite
    token = all_calls(scenario)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE users SET created_at = 'not a time'")
        assert scenario.call("GET", "/api/me", token).status_code == 500
        connection.execute("ALTER TABLE users RENAME TO elsewhere")
    outage(scenario, token)
    assert_no_secret(scenario, "no such table", "not a time")


def all_calls(scenario):
    """Make valid and invalid calls, also while WeChat fails; return a valid token."""
    logins(scenario)
    wechat_faults(scenario)
    decryptions(scenario)
    phone_numbers(scenario)
    misplaced_secrets(scenario)
    bans(scenario)
    return scenario.login("alice")


def logins(scenario):
    code = scenario.code("alice")
    first, resent = scenario.login("alice", code), scenario.login("alice", code)
    assert scenario.call("GET", "/api/me", resent).status_code == 200
    assert scenario.call("GET", "/api/me", first).status_code == 401
    for refused in ("bad", "used", "blocked", "echo"):
        assert " " not in scenario.login(refused)
    assert scenario.login("alice", code) == "login_code_invalid"
    scenario.call("POST", "/api/auth/logout", resent)
    scenario.call("GET", "/api/me", resent)


def wechat_faults(scenario):
    for kind in [*FAULTS, *ERRCODES]:
        scenario.wechat.sandbox.set_fault(kind, 2)
        scenario.login("bob")
    scenario.wechat.sandbox.set_fault("busy", 0)
    scenario.wechat.slow = 0.0


def decryptions(scenario):
    token = scenario.login("alice")
    right = scenario.wechat.sandbox.encrypt("alice", {"phone": "1"})
    assert scenario.call("POST", "/api/me/decrypt", token, json=right).status_code == 200
    for wrong in (
        {**right, "iv": "AAAAAAAAAAAAAAAAAAAAAA=="},
        {**right, "signature": "0" * 40},
        {**right, "encryptedData": "!"},
        scenario.wechat.sandbox.encrypt(
            "alice", {"watermark": {"appid": "another", "timestamp": 1}}
        ),
    ):
        assert scenario.call("POST", "/api/me/decrypt", token, json=wrong).status_code == 400


def phone_numbers(scenario):
    token = scenario.login("carol")
    number = f"138{secrets.randbelow(10**8):08}"
    code = f"phone-{secret('code')}"
    scenario.secrets |= {number, code}
    for sent in (f"phone-{number}", code, "phone-used", "phone-foreign"):
        scenario.call("POST", "/api/me/phone", token, json={"code": sent})
    for kind in [*FAULTS, 40001, 40014, 42001, 40013, 40164]:
        scenario.wechat.sandbox.set_fault(kind, 3)
        scenario.call("POST", "/api/me/phone", token, json={"code": f"{code}{kind}"})
    scenario.wechat.sandbox.set_fault("busy", 0)
    scenario.flask("wechat", "token")
    scenario.flask("wechat", "call", "/wxa/business/getuserphonenumber", "--json", "{}", code=1)
    scenario.call("DELETE", "/api/me/phone", token)


def misplaced_secrets(scenario):
    """Send tokens and codes in the wrong places."""
    token, code = scenario.login("alice"), scenario.code("alice")
    scenario.call("GET", f"/api/me?token={token}&code={code}")
    scenario.call("GET", f"/{token}")
    scenario.call("DELETE", f"/api/auth/sessions/{token}", token)
    scenario.call("PUT", "/api/me", token, json={"nickname": [token]})
    scenario.call("POST", "/api/auth/login", json={"code": {"code": code}})
    scenario.call("POST", "/api/auth/login", data=f'{{"code": "{code}"')
    scenario.call("GET", "/api/me", token[:-2])
    for line in (f"Authorization: Bearer {token}", f"Authorization : Bearer {token}", "Bearer"):
        for head in (f"GET /?token={token} HTTP/1.1", f"GET /?code={code}"):
            # Gunicorn echoes an invalid request to its sender; it must appear nowhere else.
            scenario.service.send(f"{head}\r\nHost: localhost\r\n{line} {token}\r\n\r\n".encode())


def bans(scenario):
    token = scenario.login("mallory")
    user = scenario.call("GET", "/api/me", token).json()["data"]["id"]
    scenario.flask("users", "ban", user)
    assert scenario.call("GET", "/api/me", token).status_code == 403
    assert scenario.login("mallory") == "user_banned"
    scenario.flask("users", "erase", user, "--yes")
    assert scenario.login("mallory") == "user_banned"


def commands(scenario):
    token = scenario.login("alice")
    user = scenario.call("GET", "/api/me", token).json()["data"]["id"]
    at_once(
        lambda: scenario.flask("users", "list", "--json"),
        lambda: scenario.flask("users", "export", user),
        lambda: scenario.flask("sessions", "list"),
        lambda: scenario.flask("stats"),
        lambda: scenario.flask("users", "show", "--", token, code=1),
        lambda: scenario.flask("backup", "/nowhere/backup.db", code=1),
    )


def outage(scenario, token):
    assert scenario.call("GET", "/api/me", token).status_code == 503
    assert scenario.login("alice") == "service_unavailable"
    scenario.call("GET", "/readyz")


def assert_no_secret(scenario, *expected):
    output = scenario.output()
    for text in ("wechat_failed", "unhandled error", "SELECT", *expected):
        assert text in output, f"the scenario did not produce {text!r}"
    found = [s for s in scenario.secrets if s in output]
    assert [output[max(0, (at := output.index(s)) - 200) : at + 80] for s in found] == []


@contextmanager
def _root(server):
    socket = f"{server.folder}/socket"
    with pymysql.connect(unix_socket=socket, user="root", autocommit=True) as connection:
        yield connection.cursor()


def _threads_of(root):
    root.execute("SELECT id FROM information_schema.processlist WHERE user = 'plain'")
    return root.fetchall()
