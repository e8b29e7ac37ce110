"""`dev.py` in a fresh checkout: it serves, restarts on changes, and sets up .venv.

Nothing is installed: the .venv of a checkout borrows the packages of this one.
"""

import ast
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

import dev
from myapi.settings import ROOT
from tests.checkout import Checkout, install
from tests.servers import free_port
from tests.service import wait_for

EXTENSION = "from myapi.extend import Extension\nextension = Extension()\n"

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="it signals and reads /bin")


@pytest.fixture
def bind():
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def checkout(tmp_path, bind):
    checkout = Checkout.copied_to(tmp_path / "checkout", MYAPI_BIND=bind)
    install(checkout.folder)
    return checkout


class Loop:
    """A running command that serves, in a process group of its own, as a terminal starts it."""

    def __init__(self, checkout, *command):
        self.checkout = checkout
        self.output = checkout.folder.parent / "output"
        self.url = f"http://{checkout.environ['MYAPI_BIND']}"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                command or [sys.executable, "dev.py"],
                cwd=checkout.folder,
                env={k: v for k, v in checkout.environ.items() if not k.startswith("MAKE")},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.signal_all(signal.SIGKILL)
        self.process.wait()

    def printed(self):
        return self.output.read_text()

    def wait_until_printed(self, text, times=1):
        def printed():
            assert self.process.poll() is None, self.printed()
            return self.printed().count(text) >= times

        wait_for(printed, seconds=30)

    def wait_until_served(self, message="hello"):
        def served():
            assert self.process.poll() is None, self.printed()
            with contextlib.suppress(requests.ConnectionError):
                return message in requests.get(f"{self.url}/api/hello", timeout=5).text
            return False

        wait_for(served, seconds=30)

    def login(self):
        return requests.post(f"{self.url}/api/auth/login", json={"code": "alice"}, timeout=10)

    def signal_all(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def processes(self):
        """Return how many processes of the group there are."""
        listed = subprocess.run(
            ["ps", "-A", "-o", "pgid=,stat="], capture_output=True, text=True, check=True
        )
        rows = [line.split() for line in listed.stdout.splitlines()]
        return sum(int(group) == self.process.pid and "Z" not in state for group, state in rows)


@needs_posix
def test_fresh_checkout_is_migrated_and_served_and_the_start_says_where(checkout):
    with Loop(checkout) as loop:
        loop.wait_until_served("Hello")
        assert loop.login().status_code == 200
        assert requests.get(loop.url, timeout=5).url == f"{loop.url}/docs"
        printed = loop.printed()
    assert printed.startswith(f"myapi on {loop.url} (Ctrl-C ends it)\n")
    assert f"  read and try the API: {loop.url}/docs\n" in printed
    assert f"  log in as alice: curl {loop.url}/api/auth/login " in printed
    assert "\x1b" not in printed


@needs_posix
def test_change_restarts_and_a_syntax_error_waits_for_its_fix(checkout):
    with Loop(checkout) as loop:
        loop.wait_until_served("Hello")
        token = loop.login().json()["data"]["token"]
        hello = checkout.read("myapi/web/hello.py")
        assert "Hello from" in hello
        checkout.write("myapi/web/hello.py", hello.replace("Hello from", "Good morning from"))
        loop.wait_until_served("Good morning")
        checkout.write("app/__init__.py", "extension = (\n")
        loop.wait_until_printed("waiting for a change")
        assert "app/__init__.py, line 1: SyntaxError: '(' was never closed" in loop.printed()
        assert "Traceback" not in loop.printed()
        checkout.write("app/__init__.py", EXTENSION)
        loop.wait_until_printed("serving again", times=2)
        checkout.write("app/zh.json", '{"Notes": "笔记"}')
        loop.wait_until_printed("app/zh.json has changed")
        loop.wait_until_printed("serving again", times=3)
        assert "笔记" in requests.get(f"{loop.url}/docs/zh.json", timeout=5).text
        me = requests.get(
            f"{loop.url}/api/me", headers={"Authorization": f"Bearer {token}"}, timeout=5
        )
        assert me.status_code == 200


@needs_posix
def test_code_that_is_wrong_from_the_start_is_waited_for(checkout):
    checkout.write("app/__init__.py", "import no_such_package\n")
    with Loop(checkout) as loop:
        loop.wait_until_printed("waiting for a change")
        checkout.write("app/__init__.py", EXTENSION)
        loop.wait_until_served("Hello")
        assert loop.login().status_code == 200


@needs_posix
def test_change_of_dotenv_is_read(checkout):
    checkout.write(".env", "MYAPI_MAX_BODY_BYTES=1024\n")
    body = {"code": "x" * 2000}
    with Loop(checkout) as loop:
        login = f"{loop.url}/api/auth/login"
        loop.wait_until_served("Hello")
        assert requests.post(login, json=body, timeout=5).status_code == 413
        checkout.write(".env", "MYAPI_MAX_BODY_BYTES=4096\n")
        loop.wait_until_printed("serving again")
        assert requests.post(login, json=body, timeout=5).status_code == 400
        checkout.write(".env", "MYAPI_MAX_BODY_BYTES=many\n")
        loop.wait_until_printed("waiting for a change")
        assert "  - MYAPI_MAX_BODY_BYTES: must be a whole number" in loop.printed()
        (checkout.folder / ".env").unlink()
        loop.wait_until_printed("serving again", times=2)


def test_change_that_is_undone_at_once_starts_again(monkeypatch):
    """As with a file that a tool makes and removes while the server is being stopped."""
    statuses = iter([None, 0])
    monkeypatch.setattr(dev.signal, "signal", lambda *_: None)
    monkeypatch.setattr(dev, "install", lambda _: None)
    monkeypatch.setattr(dev, "snapshot", dict)
    monkeypatch.setattr(dev, "run", lambda *_: next(statuses))
    assert dev.loop() == 0


def test_change_of_code_is_seen_and_folders_of_tools_are_not_read(here, capsys):
    (here / "app/node_modules/large").mkdir(parents=True)
    seen = dev.snapshot()
    (here / "app/node_modules/large/package.json").write_text("{}")
    assert not dev.has_changed(seen)
    (here / "app/views.py").write_text("")
    assert dev.has_changed(seen)
    assert capsys.readouterr().out == "app/views.py has changed\n"


@needs_posix
def test_new_migration_is_told_and_applied_by_hand_or_at_the_next_start(checkout):
    with Loop(checkout) as loop:
        loop.wait_until_served("Hello")
        checkout.flask("new", "notes")
        checkout.flask("db", "migrate", "-m", "notes")
        told = "the database lacks a migration: .venv/bin/flask db upgrade"
        loop.wait_until_printed(told)
        assert checkout.flask("db", "state").stdout.startswith("behind")
    with Loop(checkout) as loop:
        loop.wait_until_served("Hello")
        assert checkout.flask("db", "state").stdout.startswith("current")
        assert told not in loop.printed()


@needs_posix
@pytest.mark.parametrize("to_all", [True, False], ids=["Ctrl-C", "SIGTERM to dev.py alone"])
def test_end_leaves_no_process(checkout, to_all):
    with Loop(checkout) as loop:
        loop.wait_until_served("Hello")
        assert loop.processes() == 2
        if to_all:
            loop.signal_all(signal.SIGINT)
        else:
            loop.process.terminate()
        status = loop.process.wait(5)
        assert loop.processes() == 0
        assert status == (0 if to_all else 143)
        assert "Traceback" not in loop.printed()


@needs_posix
@pytest.mark.parametrize("typed", ["python3 dev.py", "make dev", "make run"])
def test_taken_port_is_answered_with_what_to_type(checkout, bind, typed):
    host, port = bind.split(":")
    command = [sys.executable, "dev.py"] if typed == "python3 dev.py" else typed.split()
    with socket.create_server((host, int(port))), Loop(checkout, *command) as loop:
        assert loop.process.wait(30) == (2 if typed.startswith("make") else 1)
        printed = loop.printed()
    told = rf"{bind} is in use\. Another address:\n  MYAPI_BIND={host}:\d+ {typed}\n"
    assert re.search(told, printed), printed
    assert "Traceback" not in printed
    assert "Retrying" not in printed


@needs_posix
def test_make_dev_and_make_run_serve_and_say_where(checkout):
    for target in ("dev", "run"):
        with Loop(checkout, "make", target) as loop:
            loop.wait_until_served("Hello")
            loop.wait_until_printed(f"  read and try the API: {loop.url}/docs\n")
            loop.signal_all(signal.SIGINT)
            loop.process.wait(10)
            wait_for(lambda loop=loop: loop.processes() == 0)


@needs_posix
@pytest.mark.parametrize("encoding", ["gbk", "utf-16"])
def test_env_file_in_another_encoding_is_answered_with_a_sentence(checkout, encoding):
    (checkout.folder / ".env").write_bytes("APP_HELLO=你好\n".encode(encoding))
    told = ".env is not in UTF-8: save it as UTF-8 in your editor\n"
    with Loop(checkout, "make", "run") as loop:
        assert loop.process.wait(30) == 2
        assert told in loop.printed()
        assert "Traceback" not in loop.printed()
    with Loop(checkout) as loop:
        loop.wait_until_printed("waiting for a change of the code or of .env")
        assert told in loop.printed()
        checkout.write(".env", "APP_HELLO=你好\n")
        loop.wait_until_served("Hello")
        assert "Traceback" not in loop.printed()


@needs_posix
def test_production_is_not_served(checkout):
    checkout.write(
        ".env",
        f"MYAPI_ENV=production\nMYAPI_SECRET_KEYS={'abcdefgh' * 4}\n"
        "MYAPI_WECHAT_APPID=wx1\nMYAPI_WECHAT_SECRET=s\n",
    )
    done = checkout.command(sys.executable, "dev.py", code=1)
    assert "dev.py is for development, and MYAPI_ENV is production\n" in done.stderr
    assert not (checkout.folder / "instance/myapi.db").exists()


# ---- the set-up ----


@pytest.fixture
def here(tmp_path, monkeypatch):
    """`dev` works in this empty folder; `calls` are the processes that it would start."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name, value in {"ROOT": folder, "VENV": folder / ".venv"}.items():
        monkeypatch.setattr(dev, name, value)
    monkeypatch.setattr(dev, "UNFINISHED", folder / ".venv/unfinished")
    monkeypatch.setattr(dev, "PYTHON", str(dev.python_of(folder / ".venv")))
    return folder


def test_python_is_where_each_system_has_it():
    assert dev.python_of(Path("v"), windows=True) == Path("v/Scripts/python.exe")
    assert dev.python_of(Path("v"), windows=False) == Path("v/bin/python")


def test_old_pythons_can_read_the_file():
    """They are told what to install, and for that they must parse it."""
    ast.parse((ROOT / "dev.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_old_python_is_told_what_to_install(here, monkeypatch):
    monkeypatch.setattr(dev, "OLDEST", (99, 0))
    with pytest.raises(dev.SetUpError, match=r"^Python 3.10 or newer is needed; .* is 3\.\d+\. "):
        dev.make_venv()
    assert not (here / ".venv").exists()


def test_python_without_venv_is_told_which_package(here, monkeypatch):
    monkeypatch.setattr(dev.subprocess, "call", lambda *_args, **_options: 1)
    monkeypatch.setattr(dev.sys, "prefix", "/elsewhere")
    version = "{}.{}".format(*sys.version_info)
    with pytest.raises(dev.SetUpError, match=f"apt install python{version}-venv"):
        dev.make_venv()


def test_broken_environment_does_not_replace_itself(here, monkeypatch):
    (here / ".venv").mkdir()
    monkeypatch.setattr(dev.sys, "prefix", str(here / ".venv"))
    with pytest.raises(dev.SetUpError, match="deactivate it"):
        dev.make_venv()
    assert (here / ".venv").exists()


@needs_posix
def test_environment_is_made_anew_where_it_is_broken(checkout, tmp_path):
    def make():
        return checkout.command(sys.executable, "dev.py", "venv").stdout

    venv = checkout.folder / ".venv"
    assert make() == ""
    (venv / "unfinished").touch()
    assert make().startswith("making .venv with Python 3.")
    assert make() == ""
    assert not (venv / "unfinished").exists()
    venv.joinpath("bin/pip").write_text("#!/another/.venv/bin/python\n")  # the folder was moved
    assert "making" in make()
    elsewhere = venv.rename(tmp_path / "elsewhere")
    venv.symlink_to(elsewhere)
    (elsewhere / "unfinished").touch()
    assert "making" in make()
    assert (elsewhere / "bin/python").exists()


def test_progress_shows_which_package_pip_is_at(capsys):
    lines = [
        "Ignoring tomli: markers 'python_full_version < \"3.11\"' don't match your environment",
        "Requirement already satisfied: click==8.3.0 in ./.venv (from -r requirements.txt)",
        "Collecting flask==3.1.2 (from -r requirements.txt (line 3))",
        "  Downloading flask-3.1.2-py3-none-any.whl (103 kB)",
        "Installing collected packages: flask",
    ]
    dev.show_progress(lines, total=3)
    shown = [text.strip() for text in re.split(r"[\r\n]", capsys.readouterr().out)]
    assert [text for text in shown if text] == [
        "1 of 2 packages: click",
        "2 of 2 packages: flask",
        "2 of 2 packages: putting them in place",
        "2 packages",
    ]


def test_failed_pip_shows_no_number_of_packages_and_what_to_do(capsys):
    dev.show_progress(["Collecting flask==3.1.2", "ERROR: no matching distribution"], total=3)
    assert "3 packages: flask" in capsys.readouterr().out.rstrip().splitlines()[-1]
    assert "run: make lock" in dev.why_pip_failed(own=True)
    assert "check the network" in dev.why_pip_failed(own=False)


@needs_posix
def test_make_uses_the_python_that_is_there(checkout):
    told = checkout.command("make", "venv", "PYTHON=no-such-python", code=2).stderr
    assert "no-such-python is not there or does not run. Install Python 3.10 or newer\n" in told
    assert "or name another: make PYTHON=/path/to/python3" in told
    path = checkout.folder.parent / "bin"  # a PATH without any Python: that of .venv serves
    path.mkdir()
    for name in ("make", "sh"):
        (path / name).symlink_to(shutil.which(name))
    checkout.environ["PATH"] = str(path)
    assert checkout.command("make", "runtime").stdout == ""
