"""A clone has the line ends that its programs need, whatever Git is told to write."""

import shutil
import subprocess

import pytest

from myapi.settings import ROOT

FILES = ("deploy/myapi", "Makefile", "dev.py", "deploy/systemd/myapi.service", "docs/asvs.md")
PICTURE = "docs/pictures/api.png"


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_clone_on_windows_has_no_carriage_returns(tmp_path):
    for name in (".gitattributes", *FILES, PICTURE):
        (tmp_path / "here" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "here" / name)
    git(tmp_path / "here", "init", "--quiet")
    git(tmp_path / "here", "add", "--all")
    author = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
    git(tmp_path / "here", *author, "commit", "--quiet", "--message", "all")
    as_on_windows = ("-c", "core.autocrlf=true", "-c", "core.eol=crlf")
    git(tmp_path, *as_on_windows, "clone", "--quiet", "here", "there")
    for name in FILES:
        assert b"\r" not in (tmp_path / "there" / name).read_bytes(), name
    assert (tmp_path / "there" / PICTURE).read_bytes() == (ROOT / PICTURE).read_bytes()


def git(folder, *words):
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
