"""What changed since the last run, for a timer that should speak only when there is news."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from doctor.examination import Result


def changes(results: Sequence[Result], file: Path) -> list[Result]:
    """Return the results whose status changed, and save the statuses in `file`. Raises OSError.

    A check that could not judge this time (skip) keeps its saved status and is not reported.
    """
    saved = _load(file)
    judged = [each for each in results if each.status != "skip"]
    changed = [each for each in judged if each.status != saved.get(each.id, "ok")]
    statuses = {**saved, **{each.id: each.status for each in judged}}
    _replace(file, json.dumps({"statuses": statuses}, indent=2) + "\n")
    return changed


def _load(file: Path) -> dict[str, object]:
    """Return the saved statuses; none if the file is missing or broken."""
    try:
        statuses = json.loads(file.read_text(encoding="utf-8"))["statuses"]
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return statuses if isinstance(statuses, dict) else {}


def _replace(file: Path, text: str) -> None:
    """Write a whole new file and rename it, so that a reader never sees half of it."""
    handle, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(draft).replace(file)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
