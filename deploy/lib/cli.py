"""The command line of `deploy/myapi`."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from pathlib import Path

from deploy.lib import commands
from deploy.lib.machine import Machine, RefusedError

LOCK = Path("/run/myapi-deploy.lock")


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    os.umask(0o022)
    try:
        if os.geteuid() != 0:
            raise RefusedError("run it as root: sudo deploy/myapi … · 请用 sudo 运行")
        with LOCK.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RefusedError("another deploy/myapi is at work · 另一个部署正在进行") from None
            status: int = given.command(Machine(dry=given.dry_run), given) or 0
            return status
    except RefusedError as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        print("\nstopped; run it again to go on · 已中断，再次运行即可继续", file=sys.stderr)  # noqa: T201
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deploy/myapi", description=__doc__)
    added = parser.add_subparsers(required=True, metavar="COMMAND")
    one = {}
    for run in (
        commands.up,
        commands.status,
        commands.release,
        commands.rollback,
        commands.backup,
        commands.restore,
        commands.uninstall,
    ):
        name = run.__name__
        one[name] = added.add_parser(name, help=run.__doc__, description=run.__doc__)
        one[name].set_defaults(command=run)
        one[name].add_argument("--dry-run", action="store_true", help="only say what would be done")
        one[name].add_argument("--yes", action="store_true", help="ask nothing")
    for name in ("up", "release"):
        one[name].add_argument("--wheels", type=Path, metavar="DIR", help="packages from a folder")
        one[name].add_argument("--index-url", metavar="URL", help="packages from this index")
    _options_of_up(one["up"])
    one["restore"].add_argument("file", type=Path)
    one["uninstall"].add_argument(
        "--purge", action="store_true", help="data, secrets and packages too"
    )
    return parser


def _options_of_up(up: argparse.ArgumentParser) -> None:
    up.add_argument("--domain", required=True)
    up.add_argument("--email", help="for the authority's notices")
    up.add_argument("--acme-server", metavar="URL", help="another authority")
    up.add_argument("--cert", type=Path, metavar="FILE", help="PEM, or a zip with its key")
    up.add_argument("--key", type=Path, metavar="FILE")
    up.add_argument(
        "--database-url", metavar="URL", help="MySQL; one on localhost is installed as well"
    )
    up.add_argument("--redis-url", metavar="URL", help="for the rate limits; on localhost as well")
    for name, value, said in (
        ("--ssh-from", "ADDRESS", "let SSH in from here alone"),
        ("--behind", "CIDR", "a load balancer whose word on the address is believed"),
    ):
        up.add_argument(name, action="append", default=[], metavar=value, help=said)
