"""Deploy myapi on this server: install, release, roll back, back up, restore, uninstall."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from pathlib import Path

from deploy.lib import commands, secret_options
from deploy.lib.language import choose_words_of_argparse, help_formatter, said
from deploy.lib.machine import DeployError, Machine

LOCK = Path("/run/myapi-deploy.lock")
# What each command does, in Chinese; its docstring says so in English.
COMMANDS = {
    commands.up: "让这台服务器提供 HTTPS API。可放心重复运行：第二次不会有改动。\n"
    "退出码：0 诊断没有发现问题，1 有警告，2 有故障。",
    commands.status: "显示正在运行的版本、各单元的状态和备份的数量。",
    commands.release: "发布当前代码。健康检查通过才上线。",
    commands.rollback: "退回上一个版本。数据库不变：迁移只增不减。",
    commands.backup: "立即备份数据库。",
    commands.restore: "用备份替换数据库，替换前先备份现有的。",
    commands.uninstall: "从这台服务器移除 myapi。\n数据、备份和密钥会保留，除非给出 `--purge`。",
}


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    os.umask(0o022)
    try:
        if os.geteuid() != 0:
            raise DeployError(
                said("run it as root: sudo deploy/myapi …", "请用 sudo 运行：sudo deploy/myapi …")
            )
        with LOCK.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise DeployError(
                    said("another deploy/myapi is already running", "另一个 deploy/myapi 正在运行")
                ) from None
            status: int = options.command(Machine(dry_run=options.dry_run), options) or 0
            return status
    except DeployError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        text = said("interrupted; run it again to continue", "已中断，再次运行即可继续")
        print(f"\n{text}", file=sys.stderr)  # noqa: T201
        return 130


def _parser() -> argparse.ArgumentParser:
    choose_words_of_argparse()
    formatter = help_formatter()
    parser = argparse.ArgumentParser(
        prog="deploy/myapi",
        formatter_class=formatter,
        description=said(
            str(__doc__), "在这台服务器上部署 myapi：安装、发布、回退、备份、恢复、卸载。"
        ),
    )
    subparsers = parser.add_subparsers(required=True, metavar=said("COMMAND", "命令"))
    by_name = {}
    for command, chinese in COMMANDS.items():
        text = said(str(command.__doc__), chinese)
        name = command.__name__
        subparser = subparsers.add_parser(
            name, help=text, description=text, formatter_class=formatter
        )
        subparser.set_defaults(command=command)
        subparser.add_argument(
            "--dry-run",
            action="store_true",
            help=said("only print the changes", "只显示会做的改动"),
        )
        subparser.add_argument(
            "--yes", action="store_true", help=said("do not ask for confirmation", "不询问确认")
        )
        by_name[name] = subparser
    for name in ("up", "release"):
        by_name[name].add_argument(
            "--wheels",
            type=Path,
            metavar="DIR",
            help=said("install Python packages from this folder", "从这个目录安装 Python 包"),
        )
        by_name[name].add_argument(
            "--index-url",
            metavar="URL",
            help=said("install Python packages from this index", "从这个软件源安装 Python 包"),
        )
    _add_options_of_up(by_name["up"])
    by_name["restore"].add_argument("file", type=Path, help=said("the backup", "备份文件"))
    by_name["uninstall"].add_argument(
        "--purge",
        action="store_true",
        help=said(
            "also remove data, secrets and installed packages",
            "连同数据、密钥和安装的软件包一起删除",
        ),
    )
    return parser


def _add_options_of_up(up: argparse.ArgumentParser) -> None:
    up.add_argument(
        "--domain",
        help=said(
            "the API's domain name; remembered, as some more options are",
            "API 的域名；会记住，另一些选项也是",
        ),
    )
    up.add_argument(
        "--email",
        help=said("where the certificate authority sends notices", "接收证书机构通知的邮箱"),
    )
    up.add_argument(
        "--acme-server",
        metavar="URL",
        help=said(
            "a certificate authority other than certbot's default",
            "另一个证书机构，不用 certbot 默认的",
        ),
    )
    up.add_argument(
        "--cert",
        type=Path,
        metavar="FILE",
        help=said(
            "your own certificate: PEM, or a zip that also contains the private key",
            "你自己的证书：PEM，或包含私钥的 zip",
        ),
    )
    up.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help=said("the private key of --cert", "--cert 的私钥"),
    )
    secret_options.add_to(up)
    repeated = said(
        "; can be repeated; remembered until it is given again, as `none` for no more",
        "；\n可重复；会记住，直到再次给出，`none` 表示取消",
    )
    for name, value, text in (
        (
            "--ssh-from",
            "ADDRESS",
            said("allow SSH only from this address", "只允许从这个地址 SSH 登录"),
        ),
        (
            "--behind",
            "CIDR",
            said(
                "trust X-Forwarded-For from these load balancers",
                "信任这些负载均衡的 X-Forwarded-For",
            ),
        ),
    ):
        up.add_argument(
            name,
            action="append",
            default=[],
            metavar=value,
            help=text + repeated,
        )
