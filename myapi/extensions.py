"""The Flask extensions, unbound, and what else each app has one of.

`create_app` ties them to an app; the functions below give those of the current one.
"""

import functools
import threading

from flask import Flask, current_app
from flask_limiter import Limiter
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase

from myapi import metrics
from myapi.concurrency import bounded
from myapi.development import sandbox_url
from myapi.keyring import Keyring
from myapi.settings import Settings
from myapi.tokens import Tokens
from myapi.wechat import WeChatClient


class Base(DeclarativeBase):
    """What models inherit; plain, so that strict type checkers understand them."""


db = SQLAlchemy(model_class=Base)
limiter = Limiter(key_func=lambda: "")  # every limit names its own key


def init_app(app: Flask, settings: Settings) -> None:
    """Give the app its own parts, and begin the extensions that need nothing else."""
    app.extensions["settings"] = settings
    app.extensions["tokens"] = Tokens(settings.secret_keys)
    app.extensions["keyring"] = Keyring(settings.secret_keys)
    app.extensions["wechat"] = functools.cache(functools.partial(_wechat_client, settings))


def settings() -> Settings:
    found: Settings = current_app.extensions["settings"]
    return found


def tokens() -> Tokens:
    found: Tokens = current_app.extensions["tokens"]
    return found


def keyring() -> Keyring:
    found: Keyring = current_app.extensions["keyring"]
    return found


def wechat() -> WeChatClient:
    """Return the client, made at its first use: in the worker, after any fork."""
    with _making:
        found: WeChatClient = current_app.extensions["wechat"]()
    return found


_making = threading.Lock()


def _wechat_client(settings: Settings) -> WeChatClient:
    return WeChatClient(
        settings.appid,
        settings.wechat_secret or "sandbox",
        base_url=sandbox_url(settings) if settings.sandbox else settings.wechat_base_url,
        timeout=settings.wechat_timeout,
        concurrency=settings.wechat_concurrency,
        bounded=bounded,
        on_call=metrics.note_wechat_call,
    )
