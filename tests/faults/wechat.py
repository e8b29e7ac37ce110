"""WeChat in a process of its own: one that can be stopped, frozen, and told to answer badly."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from myapi.settings import ROOT
from myapi.wechat.sandbox import Sandbox
from tests.servers import HOST, Server

_SERVE = """
import sys
sys.path.insert(0, sys.argv[1])
from myapi.wechat.sandbox import Sandbox, SandboxServer
SandboxServer(Sandbox("state.db"), port=int(sys.argv[2])).serve_forever()
"""
FOR_LONG = 1_000_000  # calls


class WeChat(Server):
    """The sandbox, which keeps what it knows over a stop and a start."""

    programs = (sys.executable,)
    package = "python3"

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def sandbox(self) -> Sandbox:
        """Its state, which the processes share."""
        return Sandbox(self.folder / "state.db")

    def command(self) -> list[str]:
        return [sys.executable, "-c", _SERVE, str(ROOT), str(self.port)]

    @contextmanager
    def answering(self, kind: str) -> Iterator[None]:
        """Meet every call with a fault of the sandbox, such as `slow`."""
        self.sandbox.set_fault(kind, FOR_LONG)
        yield
        self.sandbox.set_fault(kind, 0)

    def encrypt(self, name: str, data: Mapping[str, Any]) -> dict[str, str]:
        sealed = self.sandbox.encrypt(name, data)
        return {part: sealed[part] for part in ("encryptedData", "iv")}
