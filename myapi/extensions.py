"""The Flask extensions, unbound, and what each app has one of.

`create_app` binds them to an app; the functions below return those of the current app.
"""

import functools
import threading
from pathlib import Path

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase

from myapi.concurrency import bounded
from myapi.observability import metrics
from myapi.observability.hourly import HourlyCounts
from myapi.security.keyring import Keyring
from myapi.security.tokens import Tokens
from myapi.settings import Settings
from myapi.wechat import WeChatClient
from myapi.wechat.sandbox import Sandbox, SandboxServer


class Base(DeclarativeBase):
    """What models inherit; plain, so that strict type checkers understand them."""


db = SQLAlchemy(model_class=Base)

REAL_WECHAT = Settings().wechat_base_url


def init_app(app: Flask, settings: Settings) -> None:
    """Give the app what it has one of."""
    app.extensions["settings"] = settings
    app.extensions["hourly"] = HourlyCounts()
    app.extensions["tokens"] = Tokens(settings.secret_keys)
    app.extensions["keyring"] = Keyring(settings.secret_keys)
    app.extensions["wechat"] = functools.cache(functools.partial(_wechat_client, app, settings))


def settings() -> Settings:
    found: Settings = current_app.extensions["settings"]
    return found


def tokens() -> Tokens:
    found: Tokens = current_app.extensions["tokens"]
    return found


def keyring() -> Keyring:
    found: Keyring = current_app.extensions["keyring"]
    return found


def hourly() -> HourlyCounts:
    found: HourlyCounts = current_app.extensions["hourly"]
    return found


def wechat() -> WeChatClient:
    """Return the client. It is made at its first use: in the worker, after the fork."""
    with _making:
        found: WeChatClient = current_app.extensions["wechat"]()
    return found


_making = threading.Lock()


def sandbox(settings: Settings) -> Sandbox:
    """Return the WeChat sandbox. All processes of this checkout share its state."""
    return _sandbox(settings.instance_path)


def _wechat_client(app: Flask, settings: Settings) -> WeChatClient:
    counts: HourlyCounts = app.extensions["hourly"]

    def record_call(outcome: str, seconds: float) -> None:
        metrics.record_wechat_call(outcome, seconds)
        counts.count(f"wechat.{outcome}")

    return WeChatClient(
        settings.appid,
        settings.wechat_secret or "sandbox",
        base_url=_sandbox_url(settings) if settings.sandbox else settings.wechat_base_url,
        timeout=settings.wechat_timeout,
        concurrency=settings.wechat_concurrency,
        token_store=app.extensions["token_store"],
        bounded=bounded,
        on_call=record_call,
    )


def _sandbox_url(settings: Settings) -> str:
    """Return where the sandbox answers. Each process serves it to itself."""
    if settings.wechat_base_url != REAL_WECHAT:
        return settings.wechat_base_url
    bind = settings.bind
    return _serve_sandbox(
        settings.instance_path, None if bind.startswith("unix:") else f"http://{bind}"
    )


@functools.cache
def _sandbox(instance: Path) -> Sandbox:
    return Sandbox(instance / "sandbox.db")


@functools.cache
def _serve_sandbox(instance: Path, push_url: str | None) -> str:
    server = SandboxServer(_sandbox(instance), push_url=push_url)
    server.start()
    return server.url
