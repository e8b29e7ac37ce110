"""Commands as a person sees them: a real process at a terminal of 60 columns."""

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios

import pytest

from myapi.cli import output
from myapi.settings import ROOT
from tests.cli.conftest import command, environment

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX terminal"),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

COLUMNS = 60


@pytest.fixture
def at_terminal(database_url):
    """Run a command at a terminal, in a locale; return the lines that it showed."""

    def at_terminal(*arguments, locale="C.UTF-8", **environ):
        settings = environment(secret_keys="0123456789abcdef" * 3, database_url=database_url)
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        settings.pop("COLUMNS", None)
        with subprocess.Popen(
            command(*arguments),
            cwd=ROOT,
            env={**settings, "LC_ALL": locale, **environ},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ):
            os.close(theirs)
            shown = b"".join(iter(lambda: _read(ours), b""))
        os.close(ours)
        return shown.decode().replace("\r\n", "\n").splitlines()

    return at_terminal


def _read(terminal):
    try:
        return os.read(terminal, 4096) if select.select([terminal], [], [], 60)[0] else b""
    except OSError:  # the other side is closed
        return b""


@pytest.mark.parametrize("locale", ["C.UTF-8", "zh_CN.UTF-8"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["users", "list"],
        ["sessions", "list"],
        ["users", "list", "--utc"],
        ["stats"],
        ["--help"],
        ["users", "--help"],
        ["users", "erase", "--help"],
        ["db", "copy", "--help"],
    ],
    ids=" ".join,
)
def test_no_line_is_wider_than_the_terminal(at_terminal, sign_in, arguments, locale):
    sign_in("alice").put("/api/me", {"nickname": "夏天的风吹过" * 5})
    lines = at_terminal(*arguments, locale=locale)
    assert len(lines) > 1
    assert max(map(output.width, lines)) <= COLUMNS, lines


def test_times_are_relative_and_utc_on_demand(at_terminal, sign_in):
    user = sign_in("alice").user
    assert "  just now  " in at_terminal("users", "list")[1]
    assert "  刚刚  " in at_terminal("users", "list", locale="zh_CN.UTF-8")[1]
    assert "Z" in at_terminal("users", "list", "--utc")[1].partition(user["id"])[2]
    created = [line for line in at_terminal("users", "show", user["id"]) if "created_at" in line]
    assert created == [f"created_at    {user['created_at']} (just now)"]


def test_a_person_gets_the_answer_alone(at_terminal, sign_in):
    user = sign_in("alice").user["id"]
    assert at_terminal("users", "ban", user) == [f"banned {user}: 1 session ended"]
    assert at_terminal("users", "ban", user) == [f"{user} is already banned"]
    assert at_terminal("db", "upgrade")[0].startswith("already up to date (")
    assert at_terminal("db", "upgrade", locale="zh_CN.UTF-8")[0].startswith("已是最新版本（")


def test_a_warning_about_the_settings_is_a_sentence(at_terminal):
    lines = at_terminal("users", "list", MYAPI_WORKER="2")
    assert lines[0].startswith("warning: MYAPI_WORKER is not a setting")
    assert lines[1:] == ["no users"]
