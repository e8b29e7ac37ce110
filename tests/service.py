"""The real service for tests: Gunicorn on a free loopback port, in a folder of its own.

    with Service(database_url=url, wechat_base_url=wechat.url, workers=2) as service:
        requests.get(f"{service.url}/api/hello", timeout=5)

Keyword arguments are settings; none comes from the environment or from a `.env`.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import requests

from myapi import create_app
from myapi.settings import ROOT, Settings, variable, variables
from myapi.wechat.sandbox import SandboxServer
from tests.conftest import close
from tests.servers import HOST, Server

KEY = "a-key-of-the-served-tests-0123456789"

PRODUCTION = {"env": "production", "wechat_appid": "wx-service", "wechat_secret": "its-own-secret"}
"""Settings that turn a service into one for production."""


class Service(Server):
    """Gunicorn with the checkout's own code and configuration, in development unless told.

    `wrapper` is a command that runs the command after it, such as `unshare --mount`; `environ`
    joins the environment; `stdout` takes what it prints in place of the log in its folder.
    """

    programs = (sys.executable,)
    package = "python3"

    def __init__(
        self,
        *,
        app: str = "wsgi:app",
        wrapper: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        **settings: object,
    ) -> None:
        super().__init__()
        self._app = app
        self._wrapper = wrapper
        self._environ = environ or {}
        self.settings = {
            "bind": f"{HOST}:{self.port}",
            "workers": 1,
            "threads": 8,
            "log_format": "json",
            "secret_keys": KEY,
            **settings,
        }

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def environment(self) -> dict[str, str]:
        """Return all variables of the process: an empty one keeps a `.env` from setting it."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MYAPI_")}
        unset = dict.fromkeys(variables(), "")
        given = {variable(name): str(value) for name, value in self.settings.items()}
        own = {"HOME": str(self.home), "TMPDIR": str(self.folder / "tmp")}
        return {**inherited, **unset, **own, **given, **self._environ}

    def command(self) -> list[str]:
        return [*self._wrapper, sys.executable, "-m", "gunicorn", self._app]

    def prepare(self) -> None:
        self.home.mkdir()
        (self.folder / "tmp").mkdir()

    def ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        except requests.RequestException:
            return False

    def reload(self) -> None:
        """Tell Gunicorn to reload, and wait until only new workers are there."""
        old = self.workers()
        os.kill(self.pid, signal.SIGHUP)
        wait_for(lambda: not old & (new := self.workers()) and len(new) == len(old), 30)

    def workers(self) -> set[int]:
        """Return the process ids of the workers."""
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
        )
        pairs = [line.split() for line in listed.stdout.splitlines()]
        return {int(pid) for pid, parent in pairs if int(parent) == self.pid}

    def events(self, event: str | None = None) -> list[dict[str, Any]]:
        """Return the lines of the log, or those of one event."""
        lines = [json.loads(line) for line in self.log().splitlines()]
        return [line for line in lines if event is None or line.get("event") == event]

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call it over a fresh connection."""
        return requests.request(method, self.url + path, **{"timeout": 30, **options})

    def login(self, code: str = "alice", **options: Any) -> requests.Response:
        return self.call("POST", "/api/auth/login", json={"code": code}, **options)

    def sign_in(self, code: str = "alice") -> Phone:
        response = self.login(code)
        assert response.status_code == 200, response.text
        return Phone(self, response.json()["data"]["token"])

    def flask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a flask command with the settings of this service."""
        return subprocess.run(
            [sys.executable, "-m", "flask", *arguments],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )

    def _spawn(self, command: list[str]) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=self.environment(),
                start_new_session=True,
            )
        self._watch(str(self._process.pid))


class Phone:
    """One that has logged in: its calls carry its token."""

    def __init__(self, service: Service, token: str) -> None:
        self.service = service
        self.token = token

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call the service that it logged in to, or `at` another one."""
        service: Service = options.pop("at", self.service)
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return service.call(method, path, headers=headers, **options)

    get = functools.partialmethod(call, "GET")
    put = functools.partialmethod(call, "PUT")
    post = functools.partialmethod(call, "POST")
    delete = functools.partialmethod(call, "DELETE")


@pytest.fixture
def serve(migrated_sqlite: Path, wechat: SandboxServer, tmp_path: Path) -> Iterator[Any]:
    """Start services with settings of the test's choice, on one WeChat.

    Unless `database_url` is given, they share one empty SQLite file.
    """
    with ExitStack() as stack:

        def serve(**options: Any) -> Service:
            file = tmp_path / "served.db"
            if "database_url" not in options and not file.exists():
                shutil.copy(migrated_sqlite, file)
            given = {"database_url": f"sqlite:///{file}", "wechat_base_url": wechat.url}
            return stack.enter_context(Service(**{**given, **options}))

        yield serve


def migrate(url: str, instance: Path) -> str:
    """Bring a database to the newest revision; return its URL."""
    app = create_app(Settings(secret_keys=(KEY,), database_url=url, instance_path=instance))
    with app.app_context():
        flask_migrate.upgrade()
    close(app)
    return url


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make all of these calls at the same time, each in a thread of its own."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [future.result(60) for future in [threads.submit(call) for call in calls]]


def wait_for(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """Return the first true value of `condition`, asked again and again."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(requests.ConnectionError):
            if value := condition():
                return value
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
