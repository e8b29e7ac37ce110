"""The package: it runs on a bare Python, from a checkout and as one file."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import doctor
from myapi.settings import ROOT
from tests.doctor.example import script
from tests.requirements import need

PACKAGE = Path(doctor.__file__).parent


class Make:
    @staticmethod
    def available():
        return None if shutil.which("make") else "make not found: apt install make"


@pytest.fixture
def built(tmp_path):
    """The file that `make doctor` builds."""
    need(Make)
    command = ["make", "doctor", f"PYTHON={sys.executable}", f"BUILD={tmp_path}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return tmp_path / "doctor.pyz"


def test_it_runs_from_a_checkout_with_the_standard_library_alone():
    done = script("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: doctor" in done.stdout


def test_the_built_file_runs_anywhere_with_the_exit_status_of_the_doctor(built, tmp_path):
    def run(*args):
        return subprocess.run(
            [sys.executable, "-I", "-S", str(built), *args],
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )

    done = run("https://203.0.113.5", "--from-outside", "--only", "url", "--lang", "en")
    assert done.returncode == 2
    assert done.stdout.startswith("Phones cannot use https://203.0.113.5: ")
    done = run("https://api.example.com", "--only", "url", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert '"id": "url"' in done.stdout


def test_an_older_python_is_told_in_a_sentence():
    older = "import sys; sys.version_info = (3, 9, 6); import doctor"
    done = subprocess.run(
        [sys.executable, "-S", "-c", older],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        env={"PYTHONUTF8": "1"},
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("the doctor needs Python 3.10 or newer")


def test_it_imports_nothing_but_itself_and_the_standard_library():
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert "ssl" in imported
    assert imported <= {"doctor", *sys.stdlib_module_names}


def test_nothing_at_the_top_of_the_checkout_shadows_the_standard_library():
    """`python3 -m doctor` looks for modules there first."""
    assert not {path.stem for path in ROOT.iterdir()} & set(sys.stdlib_module_names)
