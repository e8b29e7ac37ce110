"""Hardware and software versions of a run, without anything that identifies the machine."""

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from benchmarks import apps
from benchmarks.apps import EXPRESS_FOLDER, FASTAPI_FOLDER
from benchmarks.front import nginx_version
from myapi.settings import ROOT

PYTHON = ("flask", "gunicorn", "sqlalchemy", "pymysql", "itsdangerous", "flask-limiter", "msgspec")
FASTAPI = (
    *("fastapi", "uvicorn", "uvloop", "httptools", "pydantic", "sqlalchemy", "aiosqlite"),
    *("aiomysql", "pyjwt", "httpx", "slowapi", "structlog"),
)


def machine() -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory:.0f} GiB",
        "kernel": ".".join(platform.release().split(".")[:2]),
    }


def versions() -> dict[str, str]:
    """Return the versions of all programs and libraries used."""
    express = json.loads((EXPRESS_FOLDER / "package.json").read_text())["dependencies"]
    return {
        "Python": _output(apps.PYTHON, "-c", "import platform; print(platform.python_version())"),
        **{name: importlib.metadata.version(name) for name in PYTHON},
        "SQLite (myapi)": _output(
            apps.PYTHON, "-c", "import sqlite3; print(sqlite3.sqlite_version)"
        ),
        "Node": _output("node", "--version").lstrip("v"),
        **express,
        "SQLite (Express)": _output("node", "-p", _SQLITE, cwd=EXPRESS_FOLDER),
        **_pinned(FASTAPI_FOLDER / "requirements.txt", FASTAPI),
        "MariaDB": _number(_output("mariadbd", "--version")),
        "Nginx": ".".join(map(str, nginx_version())),
        "wrk": _number(_output("wrk", "-v")),
    }


def revision() -> str:
    """Return the commit, with a + if tracked files outside docs/ were changed."""
    changed = _output("git", "status", "--porcelain", "--untracked-files=no", ":!docs", cwd=ROOT)
    return _output("git", "rev-parse", "--short", "HEAD", cwd=ROOT) + ("+" if changed else "")


_SQLITE = (
    "new (require('better-sqlite3'))(':memory:').prepare('SELECT sqlite_version()').pluck().get()"
)


def _pinned(requirements: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Return the pinned versions of these packages; names that myapi also uses get a suffix."""
    lines = requirements.read_text().splitlines()
    versions = dict(line.split("==") for line in lines if "==" in line)
    return {f"{name} (FastAPI)" if name in PYTHON else name: versions[name] for name in names}


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _output(*command: str, cwd: Path | None = None) -> str:
    program = shutil.which(command[0]) or shutil.which(command[0], path="/usr/sbin:/usr/local/sbin")
    if program is None:
        return ""
    run = [program, *command[1:]]
    done = subprocess.run(run, cwd=cwd, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip()


def _number(text: str) -> str:
    found = re.search(r"\d+\.\d+(\.\d+)?", text)
    return found[0] if found else "?"
