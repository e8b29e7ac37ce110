"""The servers that are compared: processes that serve on a Unix socket."""

import http.client
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.fill import APPID, SECRET, Filled, myapi_environment
from benchmarks.results import FASTAPI, MYAPI, TUNED, TUTORIAL
from myapi.settings import ROOT
from tests.servers import Server

PEERS_FOLDER = Path(__file__).parent / "peers"
EXPRESS_FOLDER, FASTAPI_FOLDER = PEERS_FOLDER / "express", PEERS_FOLDER / "fastapi"
NODE_VERSION = 20  # at least
WORKERS = 2
# A deployed service runs with the system's Python, which distributions build with optimisations.
BENCH_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
PYTHON = str(BENCH_PYTHON) if BENCH_PYTHON.exists() else sys.executable
NO_LIMIT = 100_000_000  # logins a minute, where the limit is not measured


class App(Server):
    """A server process with its Unix socket and its log file in its folder."""

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
        """Whether it answers a request."""
        try:
            return _call(self.socket, "/api/hello") == 200
        except (OSError, http.client.HTTPException):
            return False

    def process_ids(self) -> list[int]:
        return processes.process_tree(self.pid)

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
    """myapi as deployed in production, without a login limit unless one is given."""

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
        settings = {"bind": f"unix:{self.socket}", **self._settings}
        kept = {"HOME": str(self.folder), **_unit_environment()}
        return myapi_environment(self.data.database, **settings) | kept

    def command(self) -> list[str]:
        return [PYTHON, "-m", "gunicorn", *self._arguments, self._app]


class Peer(App):
    """A stack to compare myapi with, without a login limit unless one is given."""

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
    """Express with two clustered processes; if tuned, its token key is a KeyObject."""

    programs = ("node", "npm")
    package = "nodejs npm"

    @classmethod
    def available(cls) -> str | None:
        missing = super().available()
        if missing:
            return missing
        version = subprocess.run(["node", "-v"], capture_output=True, text=True, check=False).stdout
        if int(version.lstrip("v").partition(".")[0] or 0) < NODE_VERSION:
            return f"node {version.strip()} is too old: {NODE_VERSION} or newer is needed"
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
            "--no-access-log",  # the app logs each request itself, as the other stacks do
            *("--proxy-headers", "--forwarded-allow-ips", "*"),
            *("--timeout-keep-alive", "75"),  # s; longer than Nginx's
        ]


# The constructor of each stack; arguments: data, WeChat's URL, options.
APPS: dict[str, Callable[..., App]] = {
    MYAPI: MyAPI,
    TUTORIAL: Express,
    TUNED: partial(Express, tuned=True),
    FASTAPI: FastAPI,
}


def _unit_environment() -> dict[str, str]:
    """Return the Environment= variables of the deployment's systemd unit."""
    unit = (ROOT / "deploy" / "systemd" / "serving.conf").read_text()
    return dict(re.findall(r"^Environment=(\w+)=(\S+)$", unit, re.MULTILINE))


def _call(path: Path, route: str) -> int:
    """Send a GET request over a Unix socket; return the status."""
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(5)
    try:
        connection.sock.connect(str(path))
        connection.request("GET", route)
        return connection.getresponse().status
    finally:
        connection.close()
