"""The README's recipe "Add your own endpoint" works as it stands: every block of it is used."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from myapi.settings import ROOT

LEFT_OUT = shutil.ignore_patterns(".*", "node_modules", "__pycache__", "instance", "docs", "build")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def recipe():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Add your own endpoint")[2].partition("\n## ")[0]
    found = BLOCK.findall(section)
    assert [language for language, _ in found] == ["python", "diff", "diff", "sh", "python"]
    return [code for _, code in found]


@pytest.fixture
def checkout(tmp_path):
    """A copy of this checkout, in which the recipe is followed."""
    return shutil.copytree(ROOT, tmp_path / "checkout", ignore=LEFT_OUT)


def test_every_block_of_the_recipe_works(recipe, checkout):
    feature, import_line, init_line, commands, test = recipe
    (checkout / "myapi/notes.py").write_text(feature, encoding="utf-8")
    (checkout / "tests/test_notes.py").write_text(test, encoding="utf-8")
    for diff in (import_line, init_line):
        apply(diff, checkout / "myapi/__init__.py")
    run(checkout, "flask", "db", "upgrade")
    for command in commands.splitlines():
        program, *words = re.findall(r'[^\s"]+', command)
        run(checkout, program.removeprefix(".venv/bin/"), *words)
    run(checkout, "pytest", "-q", "tests/test_notes.py", "tests/db/test_migrations.py")


def apply(diff, file):
    text = file.read_text(encoding="utf-8")
    lines = [(line[:1], line[1:] + "\n") for line in diff.splitlines()]
    before = "".join(line for sign, line in lines if sign in " -")
    assert text.count(before) == 1, f"not in {file.name}: {before}"
    after = "".join(line for sign, line in lines if sign in " +")
    file.write_text(text.replace(before, after), encoding="utf-8")


def run(checkout, module, *words):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MYAPI_")}
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=checkout,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
