"""A record of what `up` changed on this server, for later runs and for `uninstall`."""

from __future__ import annotations

import json
import os
from typing import Any

from deploy.lib import paths
from deploy.lib.machine import Machine


def read_state() -> dict[str, Any]:
    state: dict[str, Any] = json.loads(paths.STATE.read_text()) if paths.STATE.exists() else {}
    return state


def record(machine: Machine, **facts: object) -> None:
    """Record changes before they are made, so that `uninstall` also finds interrupted ones."""
    if machine.dry_run or {**read_state(), **facts} == read_state():
        return
    paths.ETC.mkdir(mode=0o750, exist_ok=True)
    draft = paths.STATE.with_suffix(".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps({**read_state(), **facts}) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(paths.STATE)
