"""Failing commands: one line on stderr and the exit status."""

import json
import logging
import os
import select
import sqlite3
import subprocess
import sys
import time

import click
import click.testing
import pytest
import sqlalchemy.exc
from flask.cli import FlaskGroup

from myapi import create_app
from myapi.cli import command as commands
from myapi.db.engines import COMMAND, WEB
from myapi.settings import ROOT, Settings, SettingsError
from myapi.users import accounts
from myapi.web.errors import ApiError
from tests.cli.conftest import environment

# Makes stdin the controlling terminal, so that Ctrl-C sends SIGINT, and runs the flask command.
AT_TERMINAL = """
import fcntl, runpy, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
runpy.run_module("flask", run_name="__main__")
"""

END = b"(end)"

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and terminals")


@pytest.fixture
def fail_with(monkeypatch, run):
    """Run `flask users show` so that it raises `error`."""

    def fail_with(error, code=1):
        def find(_reference):
            raise error

        monkeypatch.setattr(accounts, "find", find)
        return run("users", "show", "alice", code=code)

    return fail_with


@pytest.fixture(autouse=True)
def _restore_log_levels():
    """Restore the log levels that a command changes."""
    loggers = [logging.getLogger(name) for name in ("myapi", "myapi.audit")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ApiError("not_found"), "Not found."),
        (ApiError("invalid_request", "why"), "The request is not as described. (why)"),
        (PermissionError(13, "Permission denied", "/x"), "/x: Permission denied"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (
            sqlalchemy.exc.OperationalError("SELECT 1", {}, sqlite3.OperationalError("locked")),
            "database error: locked",
        ),
        (
            sqlalchemy.exc.ProgrammingError("X", {}, sqlite3.Error(1146, "No table 'x.users'")),
            "the database lacks a migration, run `flask db upgrade` (No table 'x.users')",
        ),
        (
            sqlalchemy.exc.OperationalError("X", {}, sqlite3.OperationalError()),
            "database error: OperationalError",
        ),
        (sqlalchemy.exc.TimeoutError("all\nbusy"), "database error: all?busy"),
        (
            KeyError("token=abc \x1b[2J"),
            "this is a bug: KeyError: 'token=*** \\x1b[2J' (`flask --debug …` prints a traceback)",
        ),
    ],
    ids=repr,
)
def test_a_failure_is_one_line_on_stderr(fail_with, error, line):
    result = fail_with(error)
    assert (result.stdout, result.stderr) == ("", f"Error: {line}\n")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestEnd:
    def test_ctrl_c_is_quiet(self, fail_with):
        assert fail_with(KeyboardInterrupt(), code=130).output == ""

    def test_ctrl_c_on_a_terminal_ends_the_line(self, fail_with, monkeypatch):
        monkeypatch.setattr("myapi.cli.output.at_terminal", lambda: True)
        assert fail_with(KeyboardInterrupt(), code=130).output == "\n"

    def test_broken_pipe_prints_no_error(self, fail_with):
        assert fail_with(BrokenPipeError(32, "Broken pipe")).output == ""

    def test_debug_mode_raises_the_exception(self, runner, monkeypatch):
        monkeypatch.setenv("FLASK_DEBUG", "1")
        monkeypatch.setattr(accounts, "find", lambda _reference: 1 / 0)
        result = runner.invoke(args=["users", "show", "alice"])
        assert isinstance(result.exception, ZeroDivisionError)


class TestSettings:
    @pytest.fixture
    def flask(self, monkeypatch, tmp_path):
        """Run the flask command with invalid settings in this process."""
        problem = SettingsError(["MYAPI_X: wrong"])

        def from_env(**_own):
            raise problem

        monkeypatch.setattr(Settings, "from_env", from_env)
        group = FlaskGroup(create_app=create_app, load_dotenv=False)
        return lambda *args: click.testing.CliRunner().invoke(group, args)

    @pytest.mark.parametrize(
        "args",
        [
            ["users", "list"],
            ["users", "erase", "alice", "--yes"],
            ["sessions", "purge"],
            ["secrets", "rotate"],
            ["stats", "--json"],
            ["backup", "copy.db"],
            ["db", "heads"],
            ["routes"],
        ],
        ids=" ".join,
    )
    def test_commands_print_all_problems_with_the_settings(self, flask, args):
        result = flask(*args)
        assert (result.exit_code, result.stdout) == (78, "")
        assert result.stderr == "Error: the settings cannot be used:\n  - MYAPI_X: wrong\n"

    @pytest.mark.parametrize(
        "args",
        [
            ["--help"],
            ["users", "list", "--help"],
            ["sessions", "revoke", "--help"],
            ["secrets", "rotate", "--help"],
            ["stats", "--help"],
            ["backup", "--help"],
            ["db", "--help"],
            ["run", "--help"],
            ["secrets", "generate"],
        ],
        ids=" ".join,
    )
    def test_help_and_key_generation_need_no_settings(self, flask, args):
        assert flask(*args).exit_code == 0

    def test_create_app_outside_the_flask_command_raises_settings_error(self, flask):
        with pytest.raises(SettingsError):
            create_app()


def test_commands_wait_longer_for_the_database_than_requests(make_app):
    def timeouts(name):
        with click.Context(click.Command(name), info_name=name):
            return make_app().extensions["timeouts"]

    assert (timeouts("stats"), timeouts("run")) == (COMMAND, WEB)
    assert make_app().extensions["timeouts"] == WEB


def test_commands_log_only_warnings_and_no_audit_lines_on_a_terminal(make_app, monkeypatch):
    with click.Context(click.Command("stats"), info_name="stats"):
        make_app()
        audit = logging.getLogger("myapi.audit")
        assert not logging.getLogger("myapi").isEnabledFor(logging.INFO)
        assert audit.isEnabledFor(logging.WARNING)
        monkeypatch.setattr("myapi.cli.output.at_terminal", lambda: True)
        make_app()
        assert not audit.isEnabledFor(logging.WARNING)
        monkeypatch.undo()
        make_app()
        assert audit.isEnabledFor(logging.WARNING)
    make_app()
    assert audit.isEnabledFor(logging.INFO)


def test_with_pauses_sleeps_after_each_batch(monkeypatch):
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    assert list(commands.with_pauses(iter(range(3)))) == [0, 1, 2]
    assert len(pauses) == 3
    assert all(0 <= pause <= commands.MAX_PAUSE for pause in pauses)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestProcess:
    """What can only be tested in a process of its own."""

    @pytest.fixture
    def user(self, sign_in):
        phone = sign_in("alice")
        phone.put("/api/me", {"nickname": "小明"})
        return phone.user["id"]

    @pytest.fixture
    def start(self, user, database_url):
        """Start `flask …` with this database."""

        def start(*args, environ=None, python=("-m", "flask"), **options):
            own = environment(secret_keys="0123456789abcdef" * 3, database_url=database_url)
            options = {"text": True, "cwd": ROOT, "stderr": subprocess.PIPE, **options}
            return subprocess.Popen(
                [sys.executable, *python, *args], env={**own, **(environ or {})}, **options
            )

        return start

    def test_characters_missing_in_the_encoding_are_replaced(self, start, user):
        """Pipes on Windows and servers without a locale have such an encoding."""
        ascii_only = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
        with start("users", "list", stdout=subprocess.PIPE, environ=ascii_only) as process:
            printed, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
        assert printed.endswith("??\n")
        with start(
            "users", "show", user, "--json", stdout=subprocess.PIPE, environ=ascii_only
        ) as process:
            assert json.loads(process.communicate(timeout=60)[0])["nickname"] == "小明"

    def test_closed_stdout_ends_the_command_quietly(self, start):
        with start("users", "list", stdout=subprocess.PIPE) as process:
            process.stdout.close()  # as `head` does after enough lines
            assert process.stderr.read() == ""
        assert process.returncode == 1

    @posix
    @pytest.mark.parametrize(
        ("answer", "code", "users_left"), [(b"y\n", 0, 0), (b"\n", 1, 1), (b"\x03", 130, 1)]
    )
    def test_erase_asks_for_confirmation_on_a_terminal(
        self, start, user, execute, answer, code, users_left
    ):
        ours, theirs = os.openpty()
        terminal = {"stdin": theirs, "stdout": theirs, "stderr": theirs, "start_new_session": True}
        with start("users", "erase", user, python=("-c", AT_TERMINAL), **terminal) as process:
            os.close(theirs)
            shown = _read_until(ours, b"[y/N]: ")
            shown += _answer(ours, answer)
            try:
                process.wait(30)
            finally:
                process.kill()
        os.close(ours)
        assert process.returncode == code
        assert execute("SELECT COUNT(*) FROM users")[0][0] == users_left
        assert b"Traceback" not in shown
        assert b"WARNING" not in shown  # no audit line: the command printed what it did


def _answer(terminal, answer):
    """Type an answer, and return everything shown after it.

    Type it again after 5 s of silence: Python misses a Ctrl-C sent just before it starts to read.
    """
    shown = b""
    for _ in range(4):
        if shown.endswith(END):
            break
        os.write(terminal, answer)
        while select.select([terminal], [], [], 5)[0] and not shown.endswith(END):
            shown += _read_available(terminal)
    return shown


def _read_until(terminal, end):
    shown = b""
    while not shown.endswith((end, END)):
        shown += _read_available(terminal)
    return shown


def _read_available(terminal):
    """Read what is available; return END if the other side is closed."""
    try:
        return os.read(terminal, 1024) or END
    except OSError:
        return END
