"""Sockets whose unit has changed: a running one keeps what systemd read as it started it.

It is not restarted here: without its socket the service loses requests, so the operator chooses
the moment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from deploy.lib import paths
from deploy.lib.language import said
from deploy.lib.machine import Machine, capture
from deploy.lib.state import read_state, record


def remember(machine: Machine, names: Iterable[str]) -> None:
    """Record what each running socket was started with. Call it before its unit is written."""
    known = read_state().get("sockets", {})
    sockets = {name: known.get(name) for name in names}
    for name, old in sockets.items():
        start, unit = _start(name), _digest(name)
        if start and unit and not (old and old["start"] == start):
            sockets[name] = {"start": start, "unit": unit}
    record(machine, sockets={**known, **{name: new for name, new in sockets.items() if new}})


def notes() -> Iterator[str]:
    """Yield what to run for each socket that runs with another unit than the one that is there."""
    for name, started in read_state().get("sockets", {}).items():
        if _start(name) == started["start"] and _digest(name) not in {"", started["unit"]}:
            yield said(
                f"{name} has changed, which takes effect with `sudo systemctl restart {name}`."
                " That restarts the service too, and requests of that moment fail with 503: choose"
                " a time with few of them",
                f"{name} 已改变，运行 `sudo systemctl restart {name}` 后才生效。这也会重启服务，"
                "那一刻的请求会得到 503：请选请求少的时候",
            )


def _start(name: str) -> str:
    """Return systemd's id of this run of the unit, another one for each start; "" if it is off."""
    if capture("systemctl", "is-active", name).returncode:
        return ""
    return capture("systemctl", "show", "-P", "InvocationID", name).stdout.strip()


def _digest(name: str) -> str:
    file = paths.UNITS / name
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""
