"""Set up, migrate, serve, and restart on every change, on any system: `python dev.py`.

python dev.py            the development loop; Ctrl-C ends it
python dev.py runtime    the set-up alone: .venv, and in it what the service needs
python dev.py tools      the same with what tests and checks need
python dev.py venv       .venv alone

make calls it too. It uses the standard library alone, because it makes .venv, and no syntax that is
newer than Python 3.6, because it tells an older Python what to install.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
WINDOWS = os.name == "nt"
OLDEST = (3, 10)

#: What a change of is answered with a restart, besides the code and texts in these folders.
FILES = (".env", "wsgi.py", "requirements.txt", "app/requirements.txt")
FOLDERS = ("app", "myapi", "migrations")
SUFFIXES = (".py", ".json", ".html")
LEFT_OUT = (".", "__pycache__", "node_modules")  # folders that are large, and no code of ours
INTERVAL = 0.5  # s between two looks at them
GIVE_UP = 3  # of myapi/development/__main__.py: no change of a file would help


class SetUpError(Exception):
    """The set-up has failed; the message says what to do."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Set up, migrate, serve, and restart on every change; Ctrl-C ends it."
    )
    whats = ("loop", "venv", "runtime", "tools")
    parser.add_argument("what", nargs="?", choices=whats, default="loop", metavar="what")
    parser.add_argument("--with-this-python", action="store_true", help="another will not do")
    options = parser.parse_args()
    os.chdir(str(ROOT))
    try:
        make_venv(chosen=options.with_this_python)
        if options.what in ("runtime", "loop"):
            install("requirements.txt")
        if options.what == "tools":
            install("requirements-dev.txt")
        return loop() if options.what == "loop" else 0
    except SetUpError as error:
        print(error, file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return 130


def localized(english: str, chinese: str) -> str:
    """Return the text in the user's language, as myapi.language does; that needs the packages."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    chosen = next(filter(None, names), "")
    if not chosen and sys.platform == "win32":
        import ctypes

        primary_language = ctypes.windll.kernel32.GetUserDefaultUILanguage() & 0x3FF
        chosen = "zh" if primary_language == 0x04 else ""  # LANG_CHINESE
    if not re.match("zh|chinese", chosen, re.IGNORECASE):
        return english
    try:
        chinese.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return english
    return chinese


# ---- .venv: whole, or made anew ----
# .venv/unfinished stands while something is being made or installed; .venv/requirements*.txt are
# copies of what has been installed to the end, with the packages of a team's own code.


def python_of(venv: Path, windows: bool = WINDOWS) -> Path:
    return venv / "Scripts" / "python.exe" if windows else venv / "bin" / "python"


VENV = ROOT / ".venv"
UNFINISHED = VENV / "unfinished"
PYTHON = str(python_of(VENV))


def make_venv(chosen: bool = False) -> None:
    """Make .venv if it is missing or broken; if `chosen`, also if it has another Python."""
    if is_whole(chosen):
        return
    require_python()
    version = "{}.{}".format(*sys.version_info)
    print(
        localized(f"making .venv with Python {version}", f"用 Python {version} 创建 .venv"),
        flush=True,
    )
    remove_venv()
    VENV.mkdir()
    UNFINISHED.touch()
    # What it prints is shown if it fails, but not the traceback of a Ctrl-C.
    done = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        reason = localized(".venv could not be made", "无法创建 .venv")
        raise SetUpError(f"{done.stdout}{reason}", done.returncode)
    UNFINISHED.unlink()


def remove_venv() -> None:
    try:
        if VENV.is_symlink():
            VENV.unlink()
        elif VENV.exists():
            shutil.rmtree(str(VENV))
    except OSError as error:  # Windows removes no program that runs
        raise SetUpError(
            localized(
                f".venv cannot be removed ({error.strerror}): {error.filename}\n"
                "End what runs from it, or remove it yourself",
                f"无法删除 .venv（{error.strerror}）：{error.filename}\n"
                "请结束正在使用它的程序，或自行删除",
            )
        ) from None


def is_whole(chosen: bool) -> bool:
    if UNFINISHED.exists():
        return False
    version = sys.version_info[:2]
    wanted = f"[:2] == {version}" if chosen else f" >= {OLDEST}"
    code = f"import pip, sys; sys.exit(not sys.version_info{wanted})"
    try:
        status = subprocess.call([PYTHON, "-c", code], stderr=subprocess.DEVNULL)
        return status == 0 and (WINDOWS or not is_moved())
    except OSError:
        return False


def is_moved() -> bool:
    """Whether the programs in .venv name the Python of another folder. Windows looks for it."""
    return bytes(VENV / "bin") + b"/" not in (VENV / "bin" / "pip").read_bytes()


def require_python() -> None:
    """Raise unless this Python can make .venv, with the package that is to be installed."""
    version = "{}.{}".format(*sys.version_info)
    if sys.version_info < OLDEST:
        raise SetUpError(
            localized(
                f"Python 3.10 or newer is needed; {sys.executable} is {version}. Install one\n",
                f"需要 Python 3.10 或更新版本；{sys.executable} 是 {version}。请安装：\n",
            )
            + "  Debian 12, Ubuntu 22.04 or newer: apt install python3 python3-venv\n"
            "  RHEL, Rocky, Alma 9: dnf install python3.12\n"
            f"  macOS: brew install python\n{another_python()}"
        )
    if Path(sys.prefix).resolve() == VENV.resolve():
        raise SetUpError(
            localized(
                ".venv is broken and cannot replace itself: deactivate it and try again",
                ".venv 已损坏，而它正处于激活状态：请执行 deactivate 后重试",
            )
        )
    code = "import venv, ensurepip"
    if subprocess.call([sys.executable, "-c", code], stderr=subprocess.DEVNULL):
        raise SetUpError(
            localized(
                f"{sys.executable} has no venv with pip in it. Install it\n",
                f"{sys.executable} 缺少 venv 或 pip。请安装：\n",
            )
            + f"  Debian, Ubuntu: apt install python{version}-venv\n{another_python()}"
        )


def another_python() -> str:
    if "MAKELEVEL" in os.environ:
        return localized("or name another:", "或者指定另一个：") + " make PYTHON=/path/to/python3"
    return localized("or use another: ", "或者用另一个：") + (
        "py -3.12 dev.py" if WINDOWS else "/path/to/python3 dev.py"
    )


def install(name: str) -> None:
    """Install a file of requirements and a team's own in one call, so that pip finds conflicts."""
    own = Path("app/requirements.txt")
    if Path("app/requirements.in").exists() and not own.exists():
        raise SetUpError(
            localized(
                "app/requirements.in is not pinned yet. Run: make lock",
                "app/requirements.in 的版本还没有锁定。请运行：make lock",
            )
        )
    files = [Path(name), *([own] if own.exists() else [])]
    wanted = b"".join(file.read_bytes() for file in files)
    installed = VENV / name
    if installed.exists() and installed.read_bytes() == wanted:
        return
    names = [file.as_posix() for file in files]
    print(localized("installing ", "安装 ") + " ".join(names), flush=True)
    UNFINISHED.touch()
    status = pip_install(names)
    UNFINISHED.unlink()
    if status:
        raise SetUpError(why_pip_failed(own.exists()), status)
    installed.write_bytes(wanted)


def why_pip_failed(own: bool) -> str:
    lines = [
        localized("pip has failed; its messages are above.", "pip 安装失败，原因见上面的输出。")
    ]
    if own:
        lines.append(
            localized(
                "  If both files of requirements conflict, run: make lock",
                "  如果两个依赖文件冲突，请运行：make lock",
            )
        )
    lines.append(
        localized(
            "  If it could not connect, check the network and run this command again;\n"
            "  the variable PIP_INDEX_URL names a nearer mirror.",
            "  如果连不上，请检查网络后重新运行；\n  环境变量 PIP_INDEX_URL 可以换成更近的镜像。",
        )
    )
    return "\n".join(lines)


def pip_install(files: "list[str]") -> int:
    """Return pip's status. On a terminal it shows the packages as they come, in one line."""
    command = [PYTHON, "-m", "pip", "install"]
    quiet = ["--quiet", "--quiet", "--disable-pip-version-check"]
    words = [word for file in files for word in ("-r", file)]
    if not sys.stdout.isatty():
        return subprocess.call(command + quiet + words)
    process = subprocess.Popen(
        [*command, *quiet[2:], "--progress-bar", "off", *words],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=dict(os.environ, PYTHONUNBUFFERED="1"),
    )
    pinned = [line for file in files for line in Path(file).read_text("utf-8").splitlines()]
    assert process.stdout  # noqa: S101
    show_progress(process.stdout, total=sum("==" in line for line in pinned))
    return process.wait()


def show_progress(lines: "Iterable[str]", total: int) -> None:
    """Show which package pip is at. It first names those that this system does not need."""
    done, width = 0, shutil.get_terminal_size().columns - 1
    for line in lines:
        found = re.match(r"(Ignoring|Collecting|Installing|Requirement.*?:) ([\w.-]+)", line)
        if not found:
            continue
        if found[1] == "Ignoring":
            total -= 1
            continue
        done += found[1] != "Installing"
        text = found[2]
        if found[1] == "Installing":
            text = localized("putting them in place", ".venv")
        line = localized(f"{done} of {total} packages: {text}", f"{done}/{total} {text}")
        print("\r" + f"  {line}"[:width].ljust(width), end="", flush=True)
    print("\r" + " " * width + "\r", end="", flush=True)
    if done >= total:  # else pip has failed
        print("  " + localized(f"{done} packages", f"{done} 个包"), flush=True)


# ---- the loop ----


def loop() -> int:
    """Serve until Ctrl-C; start again after each change."""
    for name in {"SIGTERM", "SIGHUP"} & set(dir(signal)):  # a terminal that is closed sends SIGHUP
        signal.signal(getattr(signal, name), lambda *_: sys.exit(143))
    again = False
    try:
        while True:
            seen = snapshot()
            install("requirements.txt")
            status = run([PYTHON, "-m", "myapi.development", *(["--again"] if again else [])], seen)
            if status in (0, GIVE_UP):
                return 1 if status else 0
            again = again or status is None
            if status is not None:
                waiting = "waiting for a change of the code or of .env"
                print(localized(waiting, "等待代码或 .env 改动"), flush=True)
                while not has_changed(seen):
                    time.sleep(INTERVAL)
            time.sleep(0.2)  # an editor that saves several files
    except KeyboardInterrupt:
        return 0


def run(command: "list[str]", seen: "dict[str, tuple[int, int]]") -> "int | None":
    """Run it until it ends, and return its status; None if a file has changed before."""
    process = subprocess.Popen(command)
    try:
        while process.poll() is None:
            time.sleep(INTERVAL)
            if has_changed(seen):
                return None
        return process.returncode
    finally:
        stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def has_changed(seen: "dict[str, tuple[int, int]]") -> bool:
    """Whether a file has changed since; if so, print which."""
    now = snapshot()
    changed = sorted(name for name in {*now, *seen} if now.get(name) != seen.get(name))
    if changed:
        name = Path(changed[0]).as_posix()
        print(localized(f"{name} has changed", f"{name} 有改动"), flush=True)
    return bool(changed)


def snapshot() -> "dict[str, tuple[int, int]]":
    """Return time and size of each file whose change is answered with a restart."""
    names = list(FILES)
    for folder in FOLDERS:
        for parent, folders, files in os.walk(folder):
            folders[:] = [each for each in folders if not each.startswith(LEFT_OUT)]
            names += [os.path.join(parent, file) for file in files if file.endswith(SUFFIXES)]
    found = {}
    for name in names:
        try:
            status = os.stat(name)
        except OSError:
            continue
        found[name] = (status.st_mtime_ns, status.st_size)
    return found


if __name__ == "__main__":
    sys.exit(main())
