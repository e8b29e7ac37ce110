"""The release before, from the history of this repository."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

from tests.install.container import ROOT

COMMIT = "f7b7c24"  # the last one whose `release` switched the code alone


@functools.cache
def unavailable() -> str | None:
    """Return None, or why there is no former release: a ZIP copy or a shallow clone has none."""
    found = subprocess.run(
        ["git", "-C", ROOT, "cat-file", "-e", COMMIT], capture_output=True, check=False
    )
    return f"this copy of the repository has no commit {COMMIT}" if found.returncode else None


def unpack(folder: Path) -> None:
    folder.mkdir()
    archive = ["git", "-C", ROOT, "archive", COMMIT]
    with subprocess.Popen(archive, stdout=subprocess.PIPE) as made:
        subprocess.run(["tar", "-xf", "-", "-C", folder], stdin=made.stdout, check=True)
