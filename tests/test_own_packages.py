"""Packages of a team's own code: `make lock` pins them, `make run` and `make test` install them.

Python is a stand-in that writes down its arguments: nothing is fetched or installed.
"""

import re
import shutil
import subprocess

import pytest

from myapi.settings import ROOT
from tests.test_locks import packages

PYTHON = """\
#!/bin/sh
given=$*
echo "$given" >>calls.log
while [ $# -gt 0 ]; do
  if [ "$1" = --target ]; then
    mkdir "$2/bin"
    printf '#!/bin/sh\\necho uv "$*" >>calls.log\\n' >"$2/bin/uv"
    chmod +x "$2/bin/uv"
  fi
  shift
done
case $given in -m*) [ ! -e fail ];; esac
"""
LOCKS = ("requirements.txt", "requirements-dev.txt")
INSTALL = "-m pip install --quiet --quiet --disable-pip-version-check"


@pytest.fixture
def checkout(tmp_path):
    """A checkout with what make reads, and an environment that it takes for whole."""
    for name in ("Makefile", "dev.py", "pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, tmp_path)
    for name, text in {"python": PYTHON, "pip": f"#!{tmp_path}/.venv/bin/python\n"}.items():
        write(tmp_path / ".venv/bin" / name, text).chmod(0o755)
    return tmp_path


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def make(checkout, target, code=0):
    """Run make; return its last output and the calls of Python and uv."""
    log = write(checkout / "calls.log", "")
    done = subprocess.run(
        ["make", "--no-print-directory", target],
        cwd=checkout,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    calls = log.read_text().splitlines()
    return done.stdout + done.stderr, [call for call in calls if not call.startswith("-c ")]


@pytest.mark.parametrize(
    ("target", "file"), [("runtime", "requirements.txt"), ("tools", "requirements-dev.txt")]
)
def test_own_packages_are_installed_with_those_of_myapi_and_once(checkout, target, file):
    assert make(checkout, target)[1] == [f"{INSTALL} -r {file}"]
    write(checkout / "app/requirements.txt", "notes==1\n")
    assert make(checkout, target)[1] == [f"{INSTALL} -r {file} -r app/requirements.txt"]
    assert make(checkout, target) == ("", [])
    write(checkout / "app/requirements.txt", "notes==2\n")
    assert len(make(checkout, target)[1]) == 1


def test_own_packages_that_cannot_be_installed_are_tried_again(checkout):
    write(checkout / "app/requirements.txt", "notes==1\n")
    (checkout / "fail").touch()
    told, _ = make(checkout, "runtime", code=2)
    assert "If both files of requirements conflict, run: make lock\n" in told
    (checkout / "fail").unlink()
    assert len(make(checkout, "runtime")[1]) == 1


def test_own_packages_that_are_not_pinned_are_told(checkout):
    write(checkout / "app/requirements.in", "notes\n")
    told, calls = make(checkout, "runtime", code=2)
    assert "app/requirements.in is not pinned yet. Run: make lock\n" in told
    assert calls == []


def test_lock_pins_own_packages_at_the_versions_of_myapi_and_leaves_out_what_it_has(checkout):
    write(checkout / "app/requirements.in", "notes\n")
    _, (_, call) = make(checkout, "lock")
    assert call.startswith("uv pip compile ")
    assert " --generate-hashes " in call
    assert " app/requirements.in -o app/requirements.txt -c requirements-dev.txt " in call
    left_out = set(re.findall(r"--no-emit-package (\S+)", call))
    everywhere = {p.partition("==")[0] for p in packages("requirements.txt") if " ; " not in p}
    assert left_out == everywhere
    assert {"flask", "sqlalchemy"} < everywhere


def test_lock_without_own_packages_pins_those_of_myapi(checkout):
    write(checkout / "app/__init__.py", "")
    _, (_, runs, tools) = make(checkout, "lock")
    assert runs.endswith(" pyproject.toml -o requirements.txt")
    assert tools.endswith(" pyproject.toml -o requirements-dev.txt --group dev -c requirements.txt")
