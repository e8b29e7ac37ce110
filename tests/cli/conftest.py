"""`run` runs a command in this process, `flask` in a new one."""

import os
import subprocess
import sys

import pytest

from myapi.settings import APP_FOLDER, ROOT, variable, variables
from tests.service import app_folder

IDENTITY = {"wechat_appid": "wx0123456789abcdef", "wechat_secret": "a-secret-of-the-tests"}


@pytest.fixture
def run(runner):
    """Run a command: `run("users", "list")`; `code` is the expected exit status."""

    def run(*args, code=0, via=runner, **options):
        result = via.invoke(args=args, **options)
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return run


@pytest.fixture
def flask():
    """Run the real command in the checkout. Keyword arguments are settings; `.env` is ignored."""

    def flask(*args, stdin="", environ=None, **settings):
        return subprocess.run(
            command(*args),
            cwd=ROOT,
            env={**environment(**settings), **(environ or {})},
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )

    return flask


def command(*args):
    return [sys.executable, "-m", "flask", *args]


def environment(**settings):
    """Return the environment of a process. Variables set to "" are not read from `.env`."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MYAPI_", "FLASK_"))}
    known = variables()
    unset = dict.fromkeys([*known, *(f"{name}_FILE" for name in known if known[name])], "")
    given = {variable(name): str(value) for name, value in settings.items()}
    return {**inherited, **unset, **given, APP_FOLDER: app_folder(), "PYTHONUTF8": "1"}
