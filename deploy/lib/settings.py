"""The user myapi, its folders, and the settings. Settings are written only once."""

from __future__ import annotations

import getpass
import grp
import os
import pwd
import re
import secrets
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.lib import paths
from deploy.lib.language import said
from deploy.lib.machine import DeployError, Machine, capture

APPID = re.compile(r"wx[0-9a-f]{16}")
SECRET = re.compile(r"[0-9a-f]{32}")
PUBLIC_URL = "MYAPI_PUBLIC_URL"
FORMATS = {
    "MYAPI_WECHAT_APPID": (
        APPID,
        "wx followed by 16 hexadecimal digits (0-9, a-f)",
        "wx 加 16 位十六进制数字（0-9、a-f）",
    ),
    "MYAPI_WECHAT_SECRET": (
        SECRET,
        "32 hexadecimal digits (0-9, a-f)",
        "32 位十六进制数字（0-9、a-f）",
    ),
}
OPTIONS = {
    "MYAPI_WECHAT_APPID": "--wechat-appid",
    "MYAPI_WECHAT_SECRET": "--wechat-secret-file",
}


@dataclass(frozen=True)
class WeChatAccount:
    """The mini program of this server."""

    appid: str = ""
    secret: str = field(default="", repr=False)


def wechat_account(environ: Mapping[str, str], *, ask: bool = True) -> WeChatAccount:
    """Read AppID and AppSecret from the environment, or ask for them; empty if already stored."""
    if paths.ENV.exists() and (paths.SECRETS / "wechat_secret").exists():
        return WeChatAccount()
    return WeChatAccount(
        _read_or_prompt(environ, "MYAPI_WECHAT_APPID", ask=ask),
        _read_or_prompt(environ, "MYAPI_WECHAT_SECRET", ask=ask),
    )


def ensure_user(machine: Machine) -> None:
    try:
        group_id = str(pwd.getpwnam("myapi").pw_gid)
    except KeyError:
        home = ("--home-dir", str(paths.DATA), "--no-create-home")
        shell = ("--shell", "/usr/sbin/nologin")
        machine.run(
            said("create the user myapi", "创建用户 myapi"),
            "useradd",
            "--system",
            "--user-group",
            *home,
            *shell,
            "myapi",
        )
        return
    try:
        grp.getgrnam("myapi")
    except KeyError:  # an interrupted `useradd` wrote the user but not its group
        add = ("groupadd", "--system", "--gid", group_id, "myapi")
        machine.run(said("create the group myapi", "创建用户组 myapi"), *add)


def remove_user(machine: Machine) -> None:
    """Delete the user and its group from all files, also those that a killed `userdel` left."""
    if not _is_in_account_files():
        return
    change = said("delete the user myapi", "删除用户 myapi")
    if machine.dry_run:
        machine.announce(change)
        return
    group = ("--gid", "myapi") if _exists("group") else ("--user-group",)
    if not _exists("passwd"):
        capture("useradd", "--system", "--no-create-home", *group, "myapi")
    machine.run(change, "userdel", "myapi")
    if _exists("group"):  # `userdel` keeps one that it did not find to be the user's own
        machine.run(said("delete the group myapi", "删除用户组 myapi"), "groupdel", "myapi")


def _exists(database: str) -> bool:
    return capture("getent", database, "myapi").returncode == 0


def _is_in_account_files() -> bool:
    files = (Path("/etc") / name for name in ("passwd", "shadow", "group", "gshadow"))
    return any(re.search(r"^myapi:", file.read_text(), re.M) for file in files if file.exists())


def ensure_folders(machine: Machine) -> None:
    machine.ensure_folder(paths.ETC, mode=0o750, owner="root:myapi")
    machine.ensure_folder(paths.SECRETS, mode=0o700, owner="myapi:myapi")
    machine.ensure_folder(paths.DATA, mode=0o700, owner="myapi:myapi")
    machine.ensure_folder(paths.BACKUPS, mode=0o700, owner="myapi:myapi")
    machine.ensure_folder(paths.WEBROOT)
    machine.ensure_folder(paths.RELEASES)


def write_once(
    machine: Machine, account: WeChatAccount, options: Namespace, environ: Mapping[str, str]
) -> None:
    """Write the settings that do not exist yet. Existing ones are never overwritten."""
    values = {
        "secret_keys": secrets.token_hex(32),
        "database_url": options.database_url or f"sqlite:///{paths.DATABASE}",
        "wechat_secret": account.secret,
        "rate_limit_storage_url": options.redis_url or "memory://",
    }
    for name, value in values.items():
        if not (paths.SECRETS / name).exists():
            file = paths.SECRETS / name
            machine.write(file, f"{value}\n", mode=0o600, owner="myapi:myapi")
    if paths.ENV.exists():
        return
    lines = [
        "# Settings of myapi, explained in .env.example. After a change: systemctl restart myapi",
        "# (MYAPI_MAX_BODY_BYTES, MYAPI_REQUEST_TIMEOUT: run deploy/myapi up, for Nginx as well)",
        "# myapi 的配置（说明见 .env.example）。修改后执行 systemctl restart myapi",
        "#（MYAPI_MAX_BODY_BYTES、MYAPI_REQUEST_TIMEOUT：请运行 deploy/myapi up，Nginx 也要改）。",
        "MYAPI_ENV=production",
        f"MYAPI_WECHAT_APPID={account.appid}",
        f"MYAPI_BIND=unix:{paths.SOCKET}",
        *(f"MYAPI_{name.upper()}_FILE={paths.SECRETS / name}" for name in values),
    ]
    lines.append(f"{PUBLIC_URL}=https://{options.domain}")
    lines += [f"{k}={environ[k]}" for k in ("MYAPI_WECHAT_BASE_URL",) if environ.get(k)]
    machine.write(paths.ENV, "\n".join(lines) + "\n", mode=0o640, owner="root:myapi")


def ensure_public_url(machine: Machine, domain: str) -> str | None:
    """Add MYAPI_PUBLIC_URL where an earlier release left it out; return a note if it differs."""
    text = paths.ENV.read_text("utf-8") if paths.ENV.exists() else ""
    url = f"https://{domain}"
    found = re.findall(rf"^{PUBLIC_URL}=(.*)$", text, re.M)
    if found and found[-1].strip(" \"'") != url:
        return said(
            f"{PUBLIC_URL} in {paths.ENV} is not {url} and is never overwritten",
            f"{paths.ENV} 中的 {PUBLIC_URL} 不是 {url}，不会被覆盖",
        )
    if text and not found:
        added = f"{text.rstrip()}\n{PUBLIC_URL}={url}\n"
        machine.write(paths.ENV, added, mode=0o640, owner="root:myapi")
    return None


def ignored_options(options: Namespace) -> Iterator[str]:
    """Yield a warning for each option that differs from a setting already stored."""
    for option, value, name in (
        ("--database-url-file", options.database_url, "database_url"),
        ("--redis-url-file", options.redis_url, "rate_limit_storage_url"),
    ):
        if value and read_secret(name) not in {"", value}:
            file = paths.SECRETS / name
            yield said(
                f"{option} has no effect: {file} already holds another value and is never"
                " overwritten",
                f"{option} 不生效：{file} 中已有别的值，不会被覆盖",
            )


def read_secret(name: str) -> str:
    """Read a setting that is stored in a file of its own; empty if there is none."""
    file = paths.SECRETS / name
    return file.read_text("utf-8").strip() if file.exists() else ""


def _read_or_prompt(environ: Mapping[str, str], name: str, *, ask: bool) -> str:
    pattern, description, zh = FORMATS[name]
    if value := environ.get(name, "").strip():
        if not pattern.fullmatch(value):
            raise DeployError(said(f"{name} must be {description}", f"{name} 格式不正确：{zh}"))
        return value
    if not ask:
        return ""
    if not os.isatty(0):
        option = OPTIONS[name]
        raise DeployError(
            said(f"there is no terminal: give {option}", f"没有终端可以询问：请给出 {option}")
        )
    prompt = getpass.getpass if "SECRET" in name else input
    while not pattern.fullmatch(typed := prompt(f"{name}: ").strip()):
        print(said(f"It must be {description}.", f"格式不正确，应为{zh}，请重新输入。"))  # noqa: T201
    return typed
