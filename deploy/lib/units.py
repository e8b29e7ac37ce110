"""The systemd units, each with the hardening drop-in, and the command `myapi`."""

from __future__ import annotations

from pathlib import Path

from deploy.lib import paths
from deploy.lib.machine import Machine, capture

SOURCE = Path(__file__).resolve().parent.parent / "systemd"
# More drop-ins by unit. systemd reads them after hardening.conf, so they can relax it.
EXTRA_DROP_INS = {
    "myapi.service": ["serving.conf"],
    "myapi-canary@.service": ["serving.conf", "socket.conf"],
}
TIMERS = ("myapi-purge.timer", "myapi-backup.timer", "myapi-doctor.timer")

WRAPPER = """\
#!/bin/sh
# Runs a flask command as the user myapi, with the settings of the service: sudo myapi users list
release=$(readlink -f /opt/myapi/current) || exit 1
[ "$(id -u)" = 0 ] || { echo 'run it with sudo · 请用 sudo 运行' >&2; exit 1; }
if [ -t 0 ] && [ -t 1 ]; then terminal=--pty; else terminal=--pipe; fi
exec systemd-run --quiet "$terminal" --wait --collect -p User=myapi -p UMask=0077 \\
  -p EnvironmentFile=/etc/myapi/env -p WorkingDirectory="$release" \\
  -- "$release/.venv/bin/python" -m flask "$@"
"""


def install(machine: Machine) -> None:
    """Install the units of this checkout and the command `myapi`."""
    before = machine.changes
    for unit in files():
        machine.write(paths.UNITS / unit.name, unit.read_text("utf-8"))
        for name in drop_ins(unit):
            machine.ensure_folder(paths.UNITS / f"{unit.name}.d")
            text = (SOURCE / name).read_text("utf-8")
            machine.write(paths.UNITS / f"{unit.name}.d" / name, text)
    machine.write(paths.WRAPPER, WRAPPER, mode=0o755)
    if machine.changes > before or _needs_daemon_reload():
        daemon_reload(machine)


def files() -> list[Path]:
    return sorted(p for p in SOURCE.iterdir() if p.suffix != ".conf")


def drop_ins(unit: Path) -> list[str]:
    if unit.suffix != ".service":
        return []
    return ["hardening.conf", *EXTRA_DROP_INS.get(unit.name, [])]


def daemon_reload(machine: Machine) -> None:
    machine.run("reload the systemd units", "systemctl", "daemon-reload")


def enable(machine: Machine, *names: str) -> None:
    for name in names:
        if capture("systemctl", "is-enabled", name).returncode:
            machine.run(f"enable {name}", "systemctl", "enable", name)
        starts_now = name.endswith((".timer", ".socket"))
        if starts_now and capture("systemctl", "is-active", name).returncode:
            machine.run(f"start {name}", "systemctl", "start", name)


def remove(machine: Machine) -> None:
    units = files()
    names = [unit.name for unit in units if "@" not in unit.name]
    if any((paths.UNITS / name).exists() for name in names):
        machine.run("stop and disable the units", "systemctl", "disable", "--now", *names)
    for unit in units:
        machine.remove(paths.UNITS / unit.name)
        machine.remove(paths.UNITS / f"{unit.name}.d")
    machine.remove(paths.WRAPPER)
    machine.run("unload the systemd units", "systemctl", "daemon-reload")


def _needs_daemon_reload() -> bool:
    """Return whether the loaded units are older than their files: a run was interrupted."""
    names = [unit.name for unit in files() if "@" not in unit.name]
    return "yes" in capture("systemctl", "show", "-P", "NeedDaemonReload", *names).stdout
