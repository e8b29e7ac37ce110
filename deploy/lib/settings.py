"""The service's user, its folders, and its settings, which are made once."""

from __future__ import annotations

import getpass
import os
import pwd
import re
import secrets
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.lib import paths
from deploy.lib.machine import Machine, RefusedError

APPID = re.compile(r"wx[0-9a-f]{16}")
SECRET = re.compile(r"[0-9a-f]{32}")
EXPECTED = {
    "MYAPI_WECHAT_APPID": (APPID, "wx and 16 digits or letters a to f"),
    "MYAPI_WECHAT_SECRET": (SECRET, "32 digits or letters a to f"),
}


@dataclass(frozen=True)
class Account:
    """The mini program that this server is for."""

    appid: str = ""
    secret: str = field(default="", repr=False)


def account(environ: Mapping[str, str]) -> Account:
    """Take AppID and secret from the environment or ask for them; nothing where both are kept."""
    if paths.ENV.exists() and (paths.SECRETS / "wechat_secret").exists():
        return Account()
    return Account(_wanted(environ, "MYAPI_WECHAT_APPID"), _wanted(environ, "MYAPI_WECHAT_SECRET"))


def user(machine: Machine) -> None:
    try:
        pwd.getpwnam("myapi")
    except KeyError:
        home = ("--home-dir", str(paths.DATA), "--no-create-home")
        shell = ("--shell", "/usr/sbin/nologin")
        machine.run(
            "add the user myapi", "useradd", "--system", "--user-group", *home, *shell, "myapi"
        )


def folders(machine: Machine) -> None:
    machine.folder(paths.ETC, mode=0o750, owner="root:myapi")
    machine.folder(paths.SECRETS, mode=0o700, owner="myapi:myapi")
    machine.folder(paths.DATA, mode=0o700, owner="myapi:myapi")
    machine.folder(paths.BACKUPS, mode=0o700, owner="myapi:myapi")
    machine.folder(paths.WEBROOT)
    machine.folder(paths.RELEASES)


def write(machine: Machine, known: Account, given: Namespace, environ: Mapping[str, str]) -> None:
    """Make the settings once. What is there is never written over, whatever is given."""
    made = {
        "secret_keys": secrets.token_hex(32),
        "database_url": given.database_url or f"sqlite:///{paths.DATABASE}",
        "wechat_secret": known.secret,
        "rate_limit_storage_url": given.redis_url or "memory://",
    }
    for name, value in made.items():
        if not (paths.SECRETS / name).exists():
            file = paths.SECRETS / name
            machine.write(file, f"{value}\n", mode=0o600, owner="myapi:myapi")
    if paths.ENV.exists():
        return
    lines = [
        "# Settings of myapi; .env.example explains them. After a change: systemctl restart myapi",
        "# myapi 的设置（说明见 .env.example）。修改后执行 systemctl restart myapi。",
        "MYAPI_ENV=production",
        f"MYAPI_WECHAT_APPID={known.appid}",
        f"MYAPI_BIND=unix:{paths.SOCKET}",
        *(f"MYAPI_{name.upper()}_FILE={paths.SECRETS / name}" for name in made),
    ]
    lines += [f"{k}={environ[k]}" for k in ("MYAPI_WECHAT_BASE_URL",) if environ.get(k)]
    machine.write(paths.ENV, "\n".join(lines) + "\n", mode=0o640, owner="root:myapi")


def secret(name: str) -> str:
    """Read one of the settings that have a file of their own."""
    file = paths.SECRETS / name
    return file.read_text("utf-8").strip() if file.exists() else ""


def _wanted(environ: Mapping[str, str], name: str) -> str:
    pattern, described = EXPECTED[name]
    if given := environ.get(name, "").strip():
        if not pattern.fullmatch(given):
            raise RefusedError(f"{name} has to be {described} · {name} 格式不正确")
        return given
    if not os.isatty(0):
        raise RefusedError(f"give {name} in the environment · 请通过环境变量给出 {name}")
    ask = getpass.getpass if "SECRET" in name else input
    while not pattern.fullmatch(typed := ask(f"{name}: ").strip()):
        print(f"It is {described}. · 格式不正确，请重新输入。")  # noqa: T201
    return typed
