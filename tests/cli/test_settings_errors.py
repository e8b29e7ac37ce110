"""Commands with missing or invalid settings, or without a database.

They run in real processes, because the outcome depends on the click context that loads the app.
"""

import json
import subprocess
import sys

import pytest

from myapi.cli import COMMANDS
from myapi.settings import ROOT
from tests.cli.conftest import IDENTITY, environment
from tests.raw_logins import ADVICE, PARTS, RAW_URLS

INVALID = {"env": "production"}  # without the settings that production requires
NO_DATABASE = {
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


@pytest.mark.parametrize("settings", [INVALID, NO_DATABASE], ids=["invalid", "no database"])
@pytest.mark.parametrize(
    "args",
    [["users", "erase", "--help"], ["wechat", "sandbox", "--help"], ["db", "upgrade", "--help"]],
    ids=" ".join,
)
def test_help_needs_neither_settings_nor_a_database(flask, args, settings):
    result = flask(*args, **settings)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: ")


def test_help_lists_every_command_even_with_invalid_settings(flask):
    listed = flask("--help", **INVALID).stdout
    assert all(f"\n  {name} " in listed for name in COMMANDS)


def test_words_are_completed_even_with_invalid_settings():
    asked = {"_FLASK_COMPLETE": "bash_complete", "COMP_WORDS": "flask us", "COMP_CWORD": "1"}
    code = "import sys, flask.cli; sys.argv = ['flask']; flask.cli.main()"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**environment(**INVALID), **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.stdout, result.stderr) == ("plain,users\n", "")


def test_flask_without_arguments_prints_help_even_with_invalid_settings(flask):
    result = flask(**INVALID)
    assert result.returncode == 2
    assert "\n  users " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("settings", [INVALID, NO_DATABASE], ids=["invalid", "no database"])
def test_generate_needs_no_settings(flask, settings):
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
def test_commands_print_all_problems_with_the_settings(flask, args):
    result = flask(*args, **INVALID)
    assert (result.returncode, result.stdout, result.stderr) == (78, "", ALL_PROBLEMS)


def test_unknown_command_or_missing_argument_is_a_usage_error(flask):
    assert flask("nonsense", **INVALID).returncode == 2
    assert flask("users", "show", **INVALID).returncode == 2


def test_wsgi_does_not_start_with_invalid_settings():
    result = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=ROOT,
        env=environment(**INVALID),
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
def test_unreachable_database_is_one_error_line(flask, args):
    result = flask(*args, **NO_DATABASE)
    (line,) = [line for line in result.stderr.splitlines() if not line.startswith("{")]
    assert result.returncode == 1
    assert line.startswith("Error: database error: Can't connect to MySQL server")
    assert "a-password" not in result.stderr


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["users", "list"], 78),
        (["db", "upgrade"], 78),
        (["backup", "copy.db"], 78),
        (["doctor", "--lang", "en"], 2),
    ],
    ids=str,
)
def test_raw_password_in_a_url_is_named_with_the_way_to_write_it_and_not_shown(flask, args, status):
    result = flask(*args, **RAW_URLS)
    printed = result.stdout + result.stderr
    assert result.returncode == status
    assert f"MYAPI_DATABASE_URL: {ADVICE}" in printed
    assert f"MYAPI_RATE_LIMIT_STORAGE_URL: {ADVICE}" in printed
    assert not any(part in printed for part in PARTS)


def test_password_that_the_driver_cannot_send_is_a_settings_error_and_not_shown(flask):
    url = "mysql+pymysql://shop:hush%E5%AF%86quiet@127.0.0.1:1/shop"
    result = flask("users", "list", database_url=url)
    assert result.returncode == 78
    assert "MYAPI_DATABASE_URL: must have a password of ASCII characters alone" in result.stderr
    assert not any(part in result.stderr for part in ("hush", "quiet", "密", "u5bc6"))


def test_unmigrated_database_is_one_error_line(flask, tmp_path):
    settings = {**NO_DATABASE, "database_url": f"sqlite:///{tmp_path}/new.db"}
    result = flask("users", "list", **settings)
    assert result.returncode == 1
    assert "run `flask db upgrade` (no such table: users)" in result.stderr.splitlines()[-1]
    assert flask("db", "upgrade", **settings).returncode == 0
    listed = flask("users", "list", "--json", **settings)
    assert json.loads(listed.stdout) == {"items": [], "next": None}


def test_db_commands_run_in_the_app(run):
    run("db", "current")
    run("db", "check")
