"""The WeChat sandbox in a separate process, which can be stopped, frozen and made to fail."""

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
MANY = 1_000_000  # calls


class WeChat(Server):
    """The sandbox. It keeps its state when it is stopped and started."""

    programs = (sys.executable,)
    package = "python3"

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox's state, shared between the processes."""
        return Sandbox(self.folder / "state.db")

    def command(self) -> list[str]:
        return [sys.executable, "-c", _SERVE, str(ROOT), str(self.port)]

    @contextmanager
    def answering(self, kind: str) -> Iterator[None]:
        """Answer every call with a fault of the sandbox, such as `slow`."""
        self.sandbox.set_fault(kind, MANY)
        yield
        self.sandbox.set_fault(kind, 0)

    def encrypt(self, name: str, data: Mapping[str, Any]) -> dict[str, str]:
        encrypted = self.sandbox.encrypt(name, data)
        return {part: encrypted[part] for part in ("encryptedData", "iv")}
