"""Runs tests in a process that gevent has patched before anything else, as a worker is."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests import greenlets

ROOT = Path(__file__).parent.parent
RUN = """
from gevent import monkey
monkey.patch_all()
import sys, pytest
sys.exit(pytest.main(sys.argv[1:]))
"""
ITSELF = "gevent_worker"  # in the names of the tests that call this


def passes_in_gevent(file: str) -> None:
    """Run the tests of a file there, but for those that would do so again."""
    pytest.importorskip("gevent")
    options = ["-p", "no:cacheprovider", "-k", f"not {ITSELF}", "--tb=short", file]
    # A folder of its own: pytest's usual one is shared by all runs of a user, and pytest clears
    # up there, which fails where another run does so at the same time.
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", RUN, *options, f"--basetemp={folder}/pytest"],
            cwd=ROOT,
            env=greenlets.environment(os.environ),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
