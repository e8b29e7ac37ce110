"""The stacks, and the floor: processes on a Unix socket, with an Nginx of their own in front.

with Stack("FastAPI", FastAPI(data, wechat.url)) as stack:
    stack.url, stack.cpu(), stack.pss()
"""

import http.client
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.fill import APPID, SECRET, Filled, myapi_environment
from benchmarks.front import Front
from benchmarks.results import FASTAPI, MYAPI, TUNED, TUTORIAL
from myapi.settings import ROOT
from tests.servers import Server

PEERS_FOLDER = Path(__file__).parent / "peers"
EXPRESS_FOLDER, FASTAPI_FOLDER = PEERS_FOLDER / "express", PEERS_FOLDER / "fastapi"
NODE = 20
WORKERS = 2
# The system's Python, with which a deployed service runs; distributions build it to be fast.
SERVED = ROOT / ".venv-bench" / "bin" / "python"
PYTHON = str(SERVED) if SERVED.exists() else sys.executable
NO_LIMIT = 100_000_000  # logins a minute, where limits are not what is measured


class App(Server):
    """A program that serves on a Unix socket in its folder and logs to a file there."""

    in_memory = False
    data: Filled

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def socket(self) -> Path:
        return self.folder / "http.sock"

    def environment(self) -> Mapping[str, str]:
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether it answers a call."""
        try:
            return _call(self.socket, "/api/hello") == 200
        except (OSError, http.client.HTTPException):
            return False

    def family(self) -> list[int]:
        return processes.family(self.pid)

    def _spawn(self, command: list[str]) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=dict(self.environment()),
                start_new_session=True,
            )
        self._watch(str(self._process.pid))


class MyAPI(App):
    """myapi in production, as deployed; only logins have no limit unless one is given."""

    programs = (PYTHON,)
    package = "python3"

    def __init__(
        self,
        data: Filled,
        wechat_url: str,
        *,
        login_limit: int = NO_LIMIT,
        app: str = "wsgi:app",
        arguments: Sequence[str] = (),
        **settings: object,
    ) -> None:
        super().__init__()
        self.data, self._app, self._arguments = data, app, arguments
        limits = ("rate_limit_login", "rate_limit_login_failed")
        self._settings = {
            "wechat_base_url": wechat_url,
            "workers": WORKERS,
            **dict.fromkeys(limits, f"{login_limit}/minute"),
            **settings,
        }

    def environment(self) -> Mapping[str, str]:
        given = {"bind": f"unix:{self.socket}", **self._settings}
        kept = {"HOME": str(self.folder), **_of_the_unit()}
        return myapi_environment(self.data.database, **given) | kept

    def command(self) -> list[str]:
        return [PYTHON, "-m", "gunicorn", *self._arguments, self._app]


class Peer(App):
    """A stack to compare with; only logins have no limit unless one is given."""

    def __init__(self, data: Filled, wechat_url: str, *, login_limit: int = NO_LIMIT) -> None:
        super().__init__()
        self.data, self._wechat_url, self._login_limit = data, wechat_url, login_limit

    def environment(self) -> Mapping[str, str]:
        limits = ("PEER_LOGINS_PER_MINUTE", "PEER_FAILED_LOGINS_PER_MINUTE")
        return {
            **os.environ,
            "PEER_SECRET": SECRET,
            "PEER_WECHAT_APPID": APPID,
            "PEER_WECHAT_SECRET": "unused",
            "PEER_WECHAT_URL": self._wechat_url,
            **dict.fromkeys(limits, str(self._login_limit)),
        }


class Express(Peer):
    """Express with two clustered processes; tuned, its key for tokens is no string."""

    programs = ("node", "npm")
    package = "nodejs npm"

    @classmethod
    def available(cls) -> str | None:
        missing = super().available()
        if missing:
            return missing
        said = subprocess.run(["node", "-v"], capture_output=True, text=True, check=False).stdout
        if int(said.lstrip("v").partition(".")[0] or 0) < NODE:
            return f"node {said.strip()} is too old: {NODE} or newer"
        if not (EXPRESS_FOLDER / "node_modules" / ".installed").exists():
            return "the packages of Express are not installed: make peer"
        return None

    def __init__(self, *args: Any, tuned: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self._tuned = tuned

    def environment(self) -> Mapping[str, str]:
        return {
            **super().environment(),
            "NODE_ENV": "production",
            "PEER_SOCKET": str(self.socket),
            "PEER_WORKERS": str(WORKERS),
            "PEER_DATABASE": self.data.database.express_url,
            "PEER_TUNED": "1" if self._tuned else "",
        }

    def command(self) -> list[str]:
        return ["node", str(EXPRESS_FOLDER / "server.js")]


class FastAPI(Peer):
    """FastAPI on Uvicorn with two workers."""

    programs = (sys.executable,)
    package = "python3"

    @classmethod
    def available(cls) -> str | None:
        if not (FASTAPI_FOLDER / ".venv" / "installed").exists():
            return "the packages of FastAPI are not installed: make peer"
        return super().available()

    def environment(self) -> Mapping[str, str]:
        return {**super().environment(), "PEER_DATABASE": self.data.database.fastapi_url}

    def command(self) -> list[str]:
        return [
            str(FASTAPI_FOLDER / ".venv" / "bin" / "python"),
            *("-m", "uvicorn", "benchmarks.peers.fastapi.main:app"),
            *("--uds", str(self.socket), "--workers", str(WORKERS)),
            *("--loop", "uvloop", "--http", "httptools"),
            "--no-access-log",  # it writes a line a request of its own, as the other stacks do
            *("--proxy-headers", "--forwarded-allow-ips", "*"),
            *("--timeout-keep-alive", "75"),  # s; longer than Nginx keeps an idle connection
        ]


# Each stack that is compared: made with the data, the URL of WeChat, and options.
APPS: dict[str, Callable[..., App]] = {
    MYAPI: MyAPI,
    TUTORIAL: Express,
    TUNED: partial(Express, tuned=True),
    FASTAPI: FastAPI,
}


def _of_the_unit() -> dict[str, str]:
    """Return what the deployment's unit sets for the service beside its settings."""
    unit = (ROOT / "deploy" / "systemd" / "serving.conf").read_text()
    return dict(re.findall(r"^Environment=(\w+)=(\S+)$", unit, re.MULTILINE))


class Stack:
    """An app behind its Nginx. An app that is up already is left up at the end."""

    def __init__(
        self, name: str, app: App, *, tls: bool = False, database: Server | None = None
    ) -> None:
        self.name, self.app, self.data = name, app, app.data
        self._tls, self._database = tls, database
        self.called = 0  # times, so far; a JIT compiler needs thousands to come up to speed

    def __enter__(self) -> "Stack":
        with ExitStack() as opening:
            if not self.app.running:
                opening.enter_context(self.app)
            front = opening.enter_context(Front(self.app.socket, tls=self._tls))
            self._open = opening.pop_all()  # Nginx ends first: the app then waits for nobody
        self.url = front.url
        return self

    def __exit__(self, *_exc: object) -> None:
        self._open.close()

    def cpu(self) -> float:
        """Return the seconds of processor time that the app's processes have used so far."""
        return processes.cpu_seconds(self.app.family())

    def database_cpu(self) -> float:
        """Return the same of the database's server; 0 where the app reads its file itself."""
        return processes.cpu_seconds([self._database.pid]) if self._database else 0.0

    def pss(self) -> int:
        """Return the bytes of memory of the app's processes."""
        return processes.pss_bytes(self.app.family())


def _call(path: Path, route: str) -> int:
    """Call over a Unix socket; return the status."""
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(5)
    try:
        connection.sock.connect(str(path))
        connection.request("GET", route)
        return connection.getresponse().status
    finally:
        connection.close()
