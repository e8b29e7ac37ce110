"""Deploy myapi on this server: install, release, roll back, back up, restore, uninstall."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from pathlib import Path

from deploy.lib import commands, secret_options
from deploy.lib.language import said
from deploy.lib.machine import DeployError, Machine

LOCK = Path("/run/myapi-deploy.lock")


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
    parser = argparse.ArgumentParser(prog="deploy/myapi", description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    by_name = {}
    for command in (
        commands.up,
        commands.status,
        commands.release,
        commands.rollback,
        commands.backup,
        commands.restore,
        commands.uninstall,
    ):
        name = command.__name__
        subparser = subparsers.add_parser(name, help=command.__doc__, description=command.__doc__)
        subparser.set_defaults(command=command)
        subparser.add_argument("--dry-run", action="store_true", help="only print the changes")
        subparser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
        by_name[name] = subparser
    for name in ("up", "release"):
        by_name[name].add_argument(
            "--wheels", type=Path, metavar="DIR", help="install Python packages from this folder"
        )
        by_name[name].add_argument(
            "--index-url", metavar="URL", help="install Python packages from this index"
        )
    _add_options_of_up(by_name["up"])
    by_name["restore"].add_argument("file", type=Path, help="the backup")
    by_name["uninstall"].add_argument(
        "--purge", action="store_true", help="also remove data, secrets and installed packages"
    )
    return parser


def _add_options_of_up(up: argparse.ArgumentParser) -> None:
    up.add_argument("--domain", help="the API's domain name; remembered, as some more options are")
    up.add_argument("--email", help="where the certificate authority sends notices")
    up.add_argument(
        "--acme-server", metavar="URL", help="a certificate authority other than certbot's default"
    )
    up.add_argument(
        "--cert",
        type=Path,
        metavar="FILE",
        help="your own certificate: PEM, or a zip that also contains the private key",
    )
    up.add_argument("--key", type=Path, metavar="FILE", help="the private key of --cert")
    secret_options.add_to(up)
    repeated = "can be repeated; remembered until it is given again, as `none` for no more"
    for name, value, text in (
        ("--ssh-from", "ADDRESS", f"allow SSH only from this address; {repeated}"),
        ("--behind", "CIDR", f"trust X-Forwarded-For from these load balancers; {repeated}"),
    ):
        up.add_argument(name, action="append", default=[], metavar=value, help=text)
