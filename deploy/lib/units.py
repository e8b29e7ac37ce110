"""The systemd units of a release, each with the hardening drop-in, and the command `myapi`."""

from __future__ import annotations

from pathlib import Path

from deploy.lib import paths, sockets
from deploy.lib.language import said
from deploy.lib.machine import Machine, capture
from deploy.lib.site import LiveSite
from deploy.lib.state import read_state, record

SOURCE = paths.CHECKOUT / "deploy/systemd"
# More drop-ins by unit. systemd reads them after hardening.conf, so they can relax it.
EXTRA_DROP_INS = {
    "myapi.service": ["serving.conf"],
    "myapi-canary@.service": ["serving.conf", "socket.conf"],
}
DOCTOR = "doctor-site.conf"  # a template; the units myapi.service and so on are taken as they are
WRAPPER = "wrapper.sh"


def install(machine: Machine, source: Path, live: LiveSite | None) -> None:
    """Write the units of a release and the command `myapi`. Nothing is removed or enabled yet.

    `source` is its folder deploy/systemd. The doctor's unit is told which site to check.
    """
    if "units" not in read_state():  # of a release that kept no record
        record(machine, units=sorted(name for name in known() if (paths.UNITS / name).exists()))
    wanted = texts(source, live)
    sockets.remember(machine, [name for name in wanted if name.endswith(".socket")])
    before = machine.changes
    for name, text in wanted.items():
        machine.ensure_folder((paths.UNITS / name).parent)
        machine.write(paths.UNITS / name, text)
    machine.write(paths.WRAPPER, _template(source, WRAPPER), mode=0o755)
    if machine.changes > before or _needs_daemon_reload(source):
        daemon_reload(machine)


def finish(machine: Machine, source: Path, live: LiveSite | None) -> None:
    """Remove what the other releases have and this one has not, and enable its new timers.

    Timers that an earlier run enabled stay as they are: the operator may have disabled them.
    """
    wanted = set(texts(source, live))
    before = machine.changes
    for name in sorted(known() - wanted, key=lambda name: (not name.endswith(".timer"), name)):
        _remove(machine, name)
    if machine.changes > before:
        daemon_reload(machine)
    new = wanted - set(read_state().get("units", []))
    enable(machine, *(name for name in timers(source) if name in new))
    record(machine, units=sorted(wanted))


def texts(source: Path, live: LiveSite | None) -> dict[str, str]:
    """Return what a release has in /etc/systemd/system: the text of each file by its path there."""
    found = {}
    for unit in files(source):
        found[unit.name] = unit.read_text("utf-8")
        for name in drop_ins(unit):
            found[f"{unit.name}.d/{name}"] = (source / name).read_text("utf-8")
    if live and "myapi-doctor.service" in found:
        # Only root can read the certificate's folder, so systemd passes the chain on.
        text = _template(source, DOCTOR).replace("@DOMAIN@", live.domain)
        text = text.replace("@CERTIFICATE@", str(live.certificate))
        found["myapi-doctor.service.d/site.conf"] = text
    return found


def files(source: Path = SOURCE) -> list[Path]:
    return sorted(p for p in source.iterdir() if p.suffix in {".service", ".socket", ".timer"})


def timers(source: Path = SOURCE) -> list[str]:
    return [unit.name for unit in files(source) if unit.suffix == ".timer"]


def drop_ins(unit: Path) -> list[str]:
    if unit.suffix != ".service":
        return []
    names = ["hardening.conf", *EXTRA_DROP_INS.get(unit.name, [])]
    return [name for name in names if (unit.parent / name).exists()]


def known() -> set[str]:
    """Return the files in /etc/systemd/system that a release has, or that a run has written."""
    sources = {SOURCE, *paths.RELEASES.glob("*/deploy/systemd")}
    return {*read_state().get("units", []), *(name for s in sources for name in texts(s, None))}


def daemon_reload(machine: Machine) -> None:
    machine.run(
        said("reload the systemd units", "重新加载 systemd 单元"), "systemctl", "daemon-reload"
    )


def enable(machine: Machine, *names: str) -> None:
    for name in names:
        if capture("systemctl", "is-enabled", name).returncode:
            machine.run(
                said(f"enable {name}", f"设置 {name} 开机启动"), "systemctl", "enable", name
            )
        starts_now = name.endswith((".timer", ".socket"))
        if starts_now and capture("systemctl", "is-active", name).returncode:
            machine.run(said(f"start {name}", f"启动 {name}"), "systemctl", "start", name)


def remove(machine: Machine) -> None:
    """Remove the units of all releases, and the command `myapi`."""
    units = sorted(name for name in known() if "/" not in name)
    present = [name for name in units if (paths.UNITS / name).exists() and "@" not in name]
    if present:
        machine.run(
            said("stop and disable the units", "停用所有单元"),
            "systemctl",
            "disable",
            "--now",
            *present,
        )
    for unit in units:
        machine.remove(paths.UNITS / unit)
        machine.remove(paths.UNITS / f"{unit}.d")
    machine.remove(paths.WRAPPER)
    machine.run(said("unload the systemd units", "卸载 systemd 单元"), "systemctl", "daemon-reload")
    if "units" in read_state():
        record(machine, units=[])


def _remove(machine: Machine, name: str) -> None:
    file = paths.UNITS / name
    if not file.exists():
        return
    if "/" not in name and "@" not in name:
        machine.run(
            said(f"stop and disable {name}", f"停用 {name}"), "systemctl", "disable", "--now", name
        )
    machine.remove(file)
    if file.parent != paths.UNITS and not machine.dry_run and not any(file.parent.iterdir()):
        machine.remove(file.parent)


def _template(source: Path, name: str) -> str:
    """Read a template of a release; of an earlier release, which has none, this checkout's."""
    file = source / name
    return (file if file.exists() else SOURCE / name).read_text("utf-8")


def _needs_daemon_reload(source: Path) -> bool:
    """Return whether the loaded units are older than their files: a run was interrupted."""
    names = [unit.name for unit in files(source) if "@" not in unit.name]
    return "yes" in capture("systemctl", "show", "-P", "NeedDaemonReload", *names).stdout
