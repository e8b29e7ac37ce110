"""What a release needs around it on this server: Nginx's file, the units, the command `myapi`.

All of it is written from the templates in the release's own folder deploy/, so that `rollback`
brings back what the former release came with.
"""

from __future__ import annotations

from pathlib import Path

from deploy.lib import paths, site, units
from deploy.lib.machine import Machine


def install(machine: Machine, release: Path) -> None:
    """Write everything, enable new timers, and remove units that only other releases have."""
    prepare(machine, release)
    install_site(machine, release)
    finish(machine, release)


def prepare(machine: Machine, release: Path) -> None:
    """Write the units, before the release is tried."""
    units.install(machine, _templates(release) / "systemd", site.live_site())


def install_site(machine: Machine, release: Path) -> None:
    """Write Nginx's file and load it. Raises if Nginx rejects it; the former file is then back.

    A server that has no HTTPS site yet gets its first one from `up`.
    """
    if (live := site.live_site()) and live.has_certificate:
        site.install_live(machine, live, _templates(release) / "nginx")


def finish(machine: Machine, release: Path) -> None:
    """Once the release is live: enable new timers, remove units that only other releases have."""
    units.finish(machine, _templates(release) / "systemd", site.live_site())


def _templates(release: Path) -> Path:
    """Return the release's folder deploy/; in a dry run there may be none yet."""
    built = release / "deploy"
    return built if built.exists() else paths.CHECKOUT / "deploy"
