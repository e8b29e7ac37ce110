"""One server of the development loop, in .venv's Python: `dev.py` starts it anew after a change."""

import os
import subprocess
import sys

import click

from myapi import create_app
from myapi.development import server
from myapi.development.address import WINDOWS, AddressError
from myapi.language import localized

GIVE_UP = 3  # the exit status if no change of a file would help, as for a taken port


def main(*, again: bool) -> int:
    """Serve this code until Ctrl-C; at the first start the database is migrated before."""
    try:
        app = create_app()
        server.check(app.extensions["settings"], typed(), again=again)
        if not again and not migrate():
            return 1
        server.listen(app, again=again).serve_forever()
    except AddressError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return GIVE_UP
    except click.ClickException as error:  # of the settings or of the team's own code
        heading = localized("myapi does not start: ", "myapi 无法启动：")
        print(heading + error.format_message(), file=sys.stderr)  # noqa: T201
        return 1
    return 0


def migrate() -> bool:
    command = [sys.executable, "-m", "flask", "db", "upgrade"]
    done = subprocess.run(  # noqa: S603 (the command is ours)
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False
    )
    if done.returncode:
        print(done.stdout, end="", file=sys.stderr)  # noqa: T201
    return done.returncode == 0


def typed() -> str:
    """Return what is typed to run the loop."""
    if "MAKELEVEL" in os.environ:
        return "make dev"
    return "py dev.py" if WINDOWS else "python3 dev.py"


if __name__ == "__main__":
    try:
        sys.exit(main(again="--again" in sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
