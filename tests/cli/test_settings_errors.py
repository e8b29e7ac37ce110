"""How the commands do where the settings are missing or wrong, or there is no database.

All of it in real processes: which context asks for the app decides.
"""

import json
import subprocess
import sys

import pytest

from myapi.cli import COMMANDS
from myapi.settings import ROOT
from tests.cli.conftest import IDENTITY, environment

WRONG = {"env": "production"}  # and nothing else
NOWHERE = {
    "env": "production",
    "secret_keys": "0123456789abcdef" * 3,
    "database_url": "mysql+pymysql://nobody:a-password@127.0.0.1:1/nothing",
    **IDENTITY,
}
ALL_PROBLEMS = """\
Error: the settings cannot be used:
  - MYAPI_SECRET_KEYS: production needs it (make one with `flask secrets generate`)
  - MYAPI_WECHAT_APPID: production needs it
  - MYAPI_WECHAT_SECRET: production needs it
"""


@pytest.mark.parametrize("settings", [WRONG, NOWHERE], ids=["wrong", "no database"])
@pytest.mark.parametrize(
    "args",
    [["users", "erase", "--help"], ["wechat", "sandbox", "--help"], ["db", "upgrade", "--help"]],
    ids=" ".join,
)
def test_help_needs_neither_settings_nor_a_database(flask, args, settings):
    result = flask(*args, **settings)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: ")


def test_help_names_every_command_though_the_settings_are_wrong(flask):
    listed = flask("--help", **WRONG).stdout.partition("Commands:")[2]
    assert all(f"\n  {name} " in listed for name in COMMANDS)


def test_a_bare_command_helps_though_the_settings_are_wrong(flask):
    result = flask(**WRONG)
    assert result.returncode == 2
    assert "\n  users " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("settings", [WRONG, NOWHERE], ids=["wrong", "no database"])
def test_a_key_can_be_made_before_there_are_settings(flask, settings):
    result = flask("secrets", "generate", **settings)
    assert (result.returncode, result.stderr) == (0, "")
    assert len(result.stdout.strip()) >= 32


@pytest.mark.parametrize(
    "args",
    [
        ["users", "list"],
        ["db", "upgrade"],
        ["run"],
        ["shell"],
        ["routes"],
    ],
    ids=" ".join,
)
def test_what_needs_settings_prints_all_that_is_wrong_with_them(flask, args):
    result = flask(*args, **WRONG)
    assert (result.returncode, result.stdout, result.stderr) == (78, "", ALL_PROBLEMS)


def test_a_wrong_word_is_a_usage_error_whatever_the_settings(flask):
    assert flask("nonsense", **WRONG).returncode == 2
    assert flask("users", "show", **WRONG).returncode == 2


def test_without_the_flask_command_wrong_settings_stop_the_program():
    result = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=ROOT,
        env=environment(**WRONG),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert result.returncode == 1
    assert "SettingsError: the settings cannot be used" in result.stderr


@pytest.mark.parametrize(
    "args",
    [["users", "list"], ["db", "upgrade"]],
    ids=" ".join,
)
def test_a_database_that_is_away_is_one_line(flask, args):
    result = flask(*args, **NOWHERE)
    (line,) = [line for line in result.stderr.splitlines() if not line.startswith("{")]
    assert result.returncode == 1
    assert line.startswith("Error: the database fails: Can't connect to MySQL server")
    assert "a-password" not in result.stderr


def test_a_database_that_is_not_migrated_is_one_line(flask, tmp_path):
    settings = {**NOWHERE, "database_url": f"sqlite:///{tmp_path}/new.db"}
    result = flask("users", "list", **settings)
    assert result.returncode == 1
    assert "run `flask db upgrade` (no such table: users)" in result.stderr.splitlines()[-1]
    assert flask("db", "upgrade", **settings).returncode == 0
    listed = flask("users", "list", "--json", **settings)
    assert json.loads(listed.stdout) == {"items": [], "next": None}


def test_db_commands_run_in_the_app(run):
    run("db", "current")
    run("db", "check")
