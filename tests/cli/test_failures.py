"""How a command ends that does not come to its end: in one line, and with its exit status."""

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

# Makes its stdin the terminal that Ctrl-C comes from, and becomes the flask command.
AT_TERMINAL = """
import fcntl, runpy, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
runpy.run_module("flask", run_name="__main__")
"""

END = b"(end)"

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")


@pytest.fixture
def fails(monkeypatch, run):
    """Run `flask users show` with a failure in it."""

    def fails(error, code=1):
        def find(_reference):
            raise error

        monkeypatch.setattr(accounts, "find", find)
        return run("users", "show", "alice", code=code)

    return fails


@pytest.fixture(autouse=True)
def _levels():
    """Give the loggers back the levels that a command changes."""
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
            "the database fails: locked",
        ),
        (
            sqlalchemy.exc.ProgrammingError("X", {}, sqlite3.Error(1146, "No table 'x.users'")),
            "the database lacks a migration, run `flask db upgrade` (No table 'x.users')",
        ),
        (
            sqlalchemy.exc.OperationalError("X", {}, sqlite3.OperationalError()),
            "the database fails: OperationalError",
        ),
        (sqlalchemy.exc.TimeoutError("all\nbusy"), "the database fails: all?busy"),
        (
            KeyError("token=abc \x1b[2J"),
            "this is a bug: KeyError: 'token=*** \\x1b[2J' (`flask --debug …` shows where)",
        ),
    ],
    ids=repr,
)
def test_a_failure_is_one_line_on_stderr(fails, error, line):
    result = fails(error)
    assert (result.stdout, result.stderr) == ("", f"Error: {line}\n")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestEnd:
    def test_ctrl_c_is_quiet(self, fails):
        assert fails(KeyboardInterrupt(), code=130).output == ""

    def test_ctrl_c_on_a_terminal_leaves_it_on_a_new_line(self, fails, monkeypatch):
        monkeypatch.setattr("myapi.cli.output.at_terminal", lambda: True)
        assert fails(KeyboardInterrupt(), code=130).output == "\n"

    def test_a_reader_who_has_gone_is_no_failure_to_talk_of(self, fails):
        assert fails(BrokenPipeError(32, "Broken pipe")).output == ""

    def test_in_debug_mode_a_bug_shows_where_it_is(self, runner, monkeypatch):
        monkeypatch.setenv("FLASK_DEBUG", "1")
        monkeypatch.setattr(accounts, "find", lambda _reference: 1 / 0)
        result = runner.invoke(args=["users", "show", "alice"])
        assert isinstance(result.exception, ZeroDivisionError)


class TestSettings:
    @pytest.fixture
    def flask(self, monkeypatch, tmp_path):
        """Run the flask command with wrong settings in this process."""
        problem = SettingsError(["MYAPI_X: wrong"])

        def from_env():
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
    def test_commands_tell_what_is_wrong(self, flask, args):
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
    def test_those_that_need_none_work(self, flask, args):
        assert flask(*args).exit_code == 0

    def test_anyone_else_gets_the_error(self, flask):
        with pytest.raises(SettingsError):
            create_app()


def test_commands_wait_longer_for_the_database_than_requests(make_app):
    def timeouts(name):
        with click.Context(click.Command(name), info_name=name):
            return make_app().extensions["timeouts"]

    assert (timeouts("stats"), timeouts("run")) == (COMMAND, WEB)
    assert make_app().extensions["timeouts"] == WEB


def test_a_command_logs_warnings_alone_and_no_event_on_a_terminal(make_app, monkeypatch):
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


def test_batches_leave_time_to_others(monkeypatch):
    rests = []
    monkeypatch.setattr(time, "sleep", rests.append)
    assert list(commands.unhurried(iter(range(3)))) == [0, 1, 2]
    assert len(rests) == 3
    assert all(0 <= rest <= commands.LONGEST_REST for rest in rests)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestProcess:
    """What only a process of its own shows."""

    @pytest.fixture
    def user(self, sign_in):
        phone = sign_in("alice")
        phone.put("/api/me", {"nickname": "小明"})
        return phone.user["id"]

    @pytest.fixture
    def start(self, user, database_url):
        """Start `flask …` on this database."""

        def start(*args, environ=None, by=("-m", "flask"), **options):
            own = environment(secret_keys="0123456789abcdef" * 3, database_url=database_url)
            options = {"text": True, "cwd": ROOT, "stderr": subprocess.PIPE, **options}
            return subprocess.Popen(
                [sys.executable, *by, *args], env={**own, **(environ or {})}, **options
            )

        return start

    def test_what_an_encoding_lacks_is_no_failure(self, start, user):
        """As on a pipe of Windows, or on a server without a locale."""
        ascii_alone = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
        with start("users", "list", stdout=subprocess.PIPE, environ=ascii_alone) as process:
            printed, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
        assert printed.endswith("??\n")
        with start(
            "users", "show", user, "--json", stdout=subprocess.PIPE, environ=ascii_alone
        ) as process:
            assert json.loads(process.communicate(timeout=60)[0])["nickname"] == "小明"

    def test_a_reader_who_has_gone_ends_it_quietly(self, start):
        with start("users", "list", stdout=subprocess.PIPE) as process:
            process.stdout.close()  # as `head` does, once it has enough
            assert process.stderr.read() == ""
        assert process.returncode == 1

    @posix
    @pytest.mark.parametrize(
        ("answer", "code", "left"), [(b"y\n", 0, 0), (b"\n", 1, 1), (b"\x03", 130, 1)]
    )
    def test_at_a_terminal_it_asks(self, start, user, execute, answer, code, left):
        us, them = os.openpty()
        terminal = {"stdin": them, "stdout": them, "stderr": them, "start_new_session": True}
        with start("users", "erase", user, by=("-c", AT_TERMINAL), **terminal) as process:
            os.close(them)
            shown = _read(us, b"[y/N]: ")
            shown += _answer(us, answer)
            try:
                process.wait(30)
            finally:
                process.kill()
        os.close(us)
        assert process.returncode == code
        assert execute("SELECT COUNT(*) FROM users")[0][0] == left
        assert b"Traceback" not in shown
        assert b"WARNING" not in shown  # the event, of which the command has told


def _answer(terminal, answer):
    """Type an answer, and return all that is shown from then on.

    Type it again after some silence: Python misses a Ctrl-C just before it begins to read.
    """
    shown = b""
    for _ in range(4):
        if shown.endswith(END):
            break
        os.write(terminal, answer)
        while select.select([terminal], [], [], 5)[0] and not shown.endswith(END):
            shown += _some(terminal)
    return shown


def _read(terminal, end):
    shown = b""
    while not shown.endswith((end, END)):
        shown += _some(terminal)
    return shown


def _some(terminal):
    """Read what is there; END where the other side has been closed."""
    try:
        return os.read(terminal, 1024) or END
    except OSError:
        return END
