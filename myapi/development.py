"""What stands in for WeChat in development: the sandbox, served by each process to itself."""

import functools
from pathlib import Path

from myapi.settings import Settings
from myapi.wechat.sandbox import Sandbox, SandboxServer

REAL_WECHAT = Settings().wechat_base_url


def sandbox(settings: Settings) -> Sandbox:
    """Return the sandbox whose state all processes of this checkout share."""
    return _sandbox(settings.instance_path)


def sandbox_url(settings: Settings) -> str:
    """Tell where the sandbox answers, which this starts unless the settings name one."""
    if settings.wechat_base_url != REAL_WECHAT:
        return settings.wechat_base_url
    return _serve(settings.instance_path)


@functools.cache
def _sandbox(instance: Path) -> Sandbox:
    return Sandbox(instance / "sandbox.db")


@functools.cache
def _serve(instance: Path) -> str:
    server = SandboxServer(_sandbox(instance))
    server.start()
    return server.url
