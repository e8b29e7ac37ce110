"""Options of `up` that are secret: they are read from files.

What stands on a command line is in the process list, where every user of the server can read it.
`sudo NAME=value …` is such a line too.
"""

from __future__ import annotations

import argparse
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.lib.language import said
from deploy.lib.machine import DeployError

IN_ENVIRONMENT = ("MYAPI_WECHAT_SECRET", "--wechat-secret-file")


def add_to(up: argparse.ArgumentParser) -> None:
    for name, text in (
        (
            "--database-url",
            said(
                "holds the URL of a MySQL database; for localhost, MariaDB is installed",
                "写有 MySQL 数据库 URL 的文件；\n指向 localhost 时安装 MariaDB",
            ),
        ),
        (
            "--redis-url",
            said(
                "holds the URL of Redis for rate limits; for localhost, it is installed",
                "写有限流用的 Redis URL 的文件；\n指向 localhost 时安装 Redis",
            ),
        ),
    ):
        either = up.add_mutually_exclusive_group()
        stdin = said("; - is stdin", "；- 表示 stdin")
        either.add_argument(f"{name}-file", metavar="FILE", help=text + stdin)
        visible = said("the same, visible in the process list", "同上，但进程列表中可见")
        either.add_argument(name, metavar="URL", help=visible)
    up.add_argument(
        "--wechat-appid",
        metavar="ID",
        help=said("the AppID; without it, `up` asks for it", "AppID；不给出时会询问"),
    )
    up.add_argument(
        "--wechat-secret-file",
        metavar="FILE",
        help=said(
            "holds the AppSecret; - is stdin. Without it, `up` asks for it",
            "写有 AppSecret 的文件；- 表示 stdin。\n不给出时会询问",
        ),
    )


def fill_in(options: Namespace, environ: Mapping[str, str]) -> Iterator[str]:
    """Put the secrets from the files into the options; yield a note for each visible one."""
    for name in ("database_url", "redis_url"):
        option = "--" + name.replace("_", "-")
        if getattr(options, name):
            yield _note(option, f"{option}-file")
        elif file := getattr(options, f"{name}_file"):
            setattr(options, name, _read(file))
    options.wechat_secret = _read(options.wechat_secret_file) if options.wechat_secret_file else ""
    name, option = IN_ENVIRONMENT
    if environ.get(name) and "SUDO_COMMAND" in environ:
        yield _note(f"sudo {name}=…", option)


def wechat_variables(options: Namespace, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the AppID and AppSecret of the options."""
    given = {
        "MYAPI_WECHAT_APPID": options.wechat_appid,
        "MYAPI_WECHAT_SECRET": options.wechat_secret,
    }
    return {**environ, **{name: value for name, value in given.items() if value}}


def _note(visible: str, instead: str) -> str:
    return said(
        f"note: {visible} is in the process list, where every user can read it: use {instead}",
        f"注意：{visible} 会出现在进程列表中，所有用户都能看到：请改用 {instead}",
    )


def _read(name: str) -> str:
    """Read a secret from a file. The error never shows what is in it."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    except OSError as error:
        raise DeployError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DeployError(f"{name}: " + said("not in UTF-8", "不是 UTF-8 编码")) from None
    if not text.strip() or len(text.split()) > 1:
        raise DeployError(f"{name}: " + said("must hold one line", "必须正好一行"))
    return text.strip()
