"""What `up` did to this machine, kept for the runs that come after it and for `uninstall`."""

from __future__ import annotations

import json
import os
from typing import Any

from deploy.lib import paths
from deploy.lib.machine import Machine


def state() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(paths.STATE.read_text()) if paths.STATE.exists() else {}
    return made


def remember(machine: Machine, **facts: object) -> None:
    """Note facts before they become true: what is cut short is then known of as well."""
    if machine.dry or {**state(), **facts} == state():
        return
    paths.ETC.mkdir(mode=0o750, exist_ok=True)
    draft = paths.STATE.with_suffix(".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps({**state(), **facts}) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(paths.STATE)
