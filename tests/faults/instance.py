"""An instance of Function Compute: the command and the environment of `deploy/fc/s.yaml`.

Its code is read-only, and so is all else but its folder for temporary files. Its requests come over
connections that the platform keeps, with the headers that the platform adds.
"""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import requests
import yaml

from myapi.settings import ROOT
from tests.servers import HOST, Server
from tests.service import Service

FUNCTIONS = yaml.safe_load((ROOT / "deploy/fc/s.yaml").read_text("utf-8"))["resources"]
#: Credentials of the function's role, which must never be logged.
CREDENTIALS = {
    "x-fc-access-key-id": "STS.an-id-of-the-role",
    "x-fc-access-key-secret": "a-secret-of-the-role",
    "x-fc-security-token": "a-security-token-of-the-role",
}
PLATFORM = {
    "x-fc-request-id": "1-65f0-15c5-a7e1",
    "x-fc-control-path": "/http-invoke",
    "x-fc-client-ip": "203.0.113.9",
    **CREDENTIALS,
}
UNSHARE = ("unshare", "--mount", "--map-root-user")
READ_ONLY = """
while read -r _ place _; do
  case $place in
    /dev | /dev/pts | /proc | /proc/* | /sys | /sys/*) ;;
    *) mount -o remount,bind,ro "$place" 2>/dev/null ;;
  esac
done </proc/self/mounts
mount -t tmpfs -o size=64m none "$0" || exit 1
if [ -w . ] || [ -w "$0/.." ] || [ -w /dev/shm ]; then echo 'not read-only' && exit 1; fi
exec "$@"
"""


class Instance(Service):
    """The function `web`. Keyword arguments are settings that s.yaml takes from the environment."""

    function: ClassVar[str] = "web"

    @classmethod
    def available(cls) -> str | None:
        tried = [*UNSHARE, "sh", "-c", READ_ONLY, "/mnt", "true"]
        try:
            subprocess.run(tried, cwd=ROOT, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return "no private mounts: apt install util-linux, or be root"
        return super().available()

    def __init__(self, environ: dict[str, str] | None = None, **settings: object) -> None:
        of_file = {
            name.removeprefix("MYAPI_").lower(): value
            for name, value in variables().items()
            if name.startswith("MYAPI_") and not value.startswith("${")
        }
        super().__init__(environ=environ or {}, **{**of_file, "bind": "", **settings})
        self._environ = {**self._environ, "PORT": str(self.port), "PYTHONDONTWRITEBYTECODE": "1"}
        self.settings["workers"] = int(self.settings["workers"])

    def command(self) -> list[str]:
        config = FUNCTIONS[self.function]["props"]["customRuntimeConfig"]
        return [sys.executable, *(here(argument) for argument in config["args"])]

    def prepare(self) -> None:
        super().prepare()
        self.wrapper = (*UNSHARE, "sh", "-c", READ_ONLY, str(self.folder / "tmp"))

    def connect(self) -> http.client.HTTPConnection:
        return _Connection(HOST, self.port, timeout=30)


class Jobs(Instance):
    """The function `jobs`."""

    function = "jobs"

    def ready(self) -> bool:
        return Server.ready(self)

    def invoke(self, event: bytes) -> requests.Response:
        """Send an event as the platform does."""
        headers = {**PLATFORM, "x-fc-control-path": "/invoke"}
        return self.call("POST", "/invoke", data=event, headers=headers)


class _Connection(http.client.HTTPConnection):
    def request(self, method: str, url: str, body: Any = None, headers: Any = None) -> None:  # type: ignore[override]
        super().request(method, url, body, {**PLATFORM, **(headers or {})})


def variables() -> dict[str, str]:
    found: dict[str, str] = FUNCTIONS["web"]["props"]["environmentVariables"]
    return found


def here(argument: str) -> str:
    """Return an argument of s.yaml with the folder of this checkout."""
    return re.sub(r"(?<![\w/])/code(?=/|$)", str(Path(ROOT)), argument)
