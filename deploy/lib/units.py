"""systemd's units, each with the hardening as a drop-in, and the command `myapi`."""

from __future__ import annotations

from pathlib import Path

from deploy.lib import paths
from deploy.lib.machine import Machine, ask

SOURCE = Path(__file__).resolve().parent.parent / "systemd"
# What a unit may do beyond the hardening, as a drop-in that is read after it.
ALLOWED = {
    "myapi.service": ["serving.conf"],
    "myapi-canary@.service": ["serving.conf", "socket.conf"],
}
TIMERS = ("myapi-purge.timer", "myapi-backup.timer", "myapi-doctor.timer")

WRAPPER = """\
#!/bin/sh
# Any flask command of myapi, as the service's user and with its settings: sudo myapi users list
release=$(readlink -f /opt/myapi/current) || exit 1
[ "$(id -u)" = 0 ] || { echo 'run it with sudo · 请用 sudo 运行' >&2; exit 1; }
if [ -t 0 ] && [ -t 1 ]; then how=--pty; else how=--pipe; fi
exec systemd-run --quiet "$how" --wait --collect -p User=myapi -p UMask=0077 \\
  -p EnvironmentFile=/etc/myapi/env -p WorkingDirectory="$release" \\
  -- "$release/.venv/bin/python" -m flask "$@"
"""


def install(machine: Machine) -> None:
    """Have the units of this checkout."""
    before = machine.changes
    for unit in files():
        machine.write(paths.UNITS / unit.name, unit.read_text("utf-8"))
        for name in drop_ins(unit):
            machine.folder(paths.UNITS / f"{unit.name}.d")
            text = (SOURCE / name).read_text("utf-8")
            machine.write(paths.UNITS / f"{unit.name}.d" / name, text)
    machine.write(paths.WRAPPER, WRAPPER, mode=0o755)
    if machine.changes > before:
        reload(machine)


def files() -> list[Path]:
    return sorted(p for p in SOURCE.iterdir() if p.suffix != ".conf")


def drop_ins(unit: Path) -> list[str]:
    if unit.suffix != ".service":
        return []
    return ["hardening.conf", *ALLOWED.get(unit.name, [])]


def reload(machine: Machine) -> None:
    machine.run("have systemd read them", "systemctl", "daemon-reload")


def enable(machine: Machine, *names: str) -> None:
    for name in names:
        if ask("systemctl", "is-enabled", name).returncode:
            machine.run(f"enable {name}", "systemctl", "enable", name)
        if name.endswith((".timer", ".socket")) and ask("systemctl", "is-active", name).returncode:
            machine.run(f"start {name}", "systemctl", "start", name)


def remove(machine: Machine) -> None:
    units = files()
    names = [unit.name for unit in units if "@" not in unit.name]
    if any((paths.UNITS / name).exists() for name in names):
        machine.run("stop the units", "systemctl", "disable", "--now", *names)
    for unit in units:
        machine.remove(paths.UNITS / unit.name)
        machine.remove(paths.UNITS / f"{unit.name}.d")
    machine.remove(paths.WRAPPER)
    machine.run("have systemd forget them", "systemctl", "daemon-reload")
