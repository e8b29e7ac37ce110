"""What is installed is what was locked: each package with its version, and with its hashes."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.txt", "requirements-dev.txt")
PACKAGE = re.compile(
    r"^([a-z0-9][\w.-]*)(?:\[\w+\])?==(\S+)(?: ; [^\\\n]+)?((?: \\\n    --hash=sha256:\w{64})+)$"
)


def packages(lock):
    """Return what stands between comments: a package, its version, its marker and its hashes."""
    text = re.sub(r"\n *#.*", "", (ROOT / lock).read_text(encoding="utf-8"))
    return re.split(r"\n(?! )", text.partition("\n")[2].strip())


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_locked_to_a_version_and_to_hashes(lock):
    assert len(packages(lock)) > 20
    assert [package for package in packages(lock) if not PACKAGE.match(package)] == []


def test_what_runs_is_the_same_where_it_is_tested():
    what_runs, tested = (set(packages(lock)) for lock in LOCKS)
    assert what_runs <= tested


def test_a_package_that_an_index_has_changed_is_not_installed(tmp_path):
    """Of the same name and version, but not what was locked."""
    name = "itsdangerous-2.2.0"
    wheel = tmp_path / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("itsdangerous/__init__.py", "print('somebody else was here')")
        info = f"{name}.dist-info"
        file.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: itsdangerous\nVersion: 2.2.0\n"
        )
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", "")
    (locked,) = (p for p in packages("requirements.txt") if p.startswith("itsdangerous=="))
    (tmp_path / "requirements.txt").write_text(locked)

    def install(*what):
        pip = (sys.executable, "-m", "pip", "--isolated", "install", "--no-index", "--no-deps")
        run = [*pip, "--target", str(tmp_path / "there"), *what]
        return subprocess.run(run, capture_output=True, text=True, check=False, cwd=tmp_path)

    refused = install("--find-links", str(tmp_path), "-r", "requirements.txt")
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert not (tmp_path / "there").exists()
    assert install(str(wheel)).returncode == 0  # so the hash alone was wrong
