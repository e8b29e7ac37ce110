"""The doctor on this server: at the end of `up`, and hourly from its timer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from deploy.lib import paths, units
from deploy.lib.machine import Machine, as_service

KEPT = paths.DATA / "doctor.json"
DROP_IN = paths.UNITS / "myapi-doctor.service.d" / "site.conf"

# Only root can read the certificate's folder, so systemd hands the service a copy of the chain.
UNIT = """\
# Written by deploy/myapi: what this server is asked for.
[Service]
LoadCredential=chain.pem:{chain}
ExecStart=
ExecStart=/bin/sh -ec 'cd -P /opt/myapi/current; exec .venv/bin/python -m flask doctor \\
  https://{domain} --cert "$CREDENTIALS_DIRECTORY/chain.pem" --changes {kept}'
"""


def install(machine: Machine, domain: str, certificate: Path) -> None:
    """Let the timer examine this site, and print what changed since the last run."""
    text = UNIT.format(chain=certificate / "fullchain.pem", domain=domain, kept=KEPT)
    machine.folder(DROP_IN.parent)
    if machine.write(DROP_IN, text):
        units.reload(machine)


def examine(release: Path, domain: str, certificate: Path) -> int:
    """Run it now and print its report; return 0 ok, 1 warnings, 2 failures."""
    shell = 'exec "$0" -m flask doctor "$1" --cert "$CREDENTIALS_DIRECTORY/chain.pem"'
    language = os.environ.get("LC_ALL") or os.environ.get("LANG") or "C.UTF-8"
    command = as_service(
        release,
        *("/bin/sh", "-c", shell, f"{release}/.venv/bin/python", f"https://{domain}"),
        properties=(
            f"LoadCredential=chain.pem:{certificate}/fullchain.pem",
            f"Environment=LANG={language}",
        ),
    )
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode  # noqa: S603
