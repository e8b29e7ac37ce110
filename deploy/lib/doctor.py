"""Run the doctor on this server: at the end of `up`, and hourly from its timer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from deploy.lib import paths, units
from deploy.lib.machine import Machine, as_service_user

LAST_RESULT = paths.DATA / "doctor.json"
DROP_IN = paths.UNITS / "myapi-doctor.service.d" / "site.conf"

# Only root can read the certificate's folder, so systemd passes the chain as a credential.
DROP_IN_TEXT = """\
# Written by deploy/myapi: the domain and certificate to check.
[Service]
LoadCredential=chain.pem:{chain}
ExecStart=
ExecStart=/bin/sh -ec 'cd -P /opt/myapi/current; exec .venv/bin/python -m flask doctor \\
  https://{domain} --cert "$CREDENTIALS_DIRECTORY/chain.pem" --changes {last_result}'
"""


def install(machine: Machine, domain: str, certificate: Path) -> None:
    """Make the hourly run check this domain and log what changed since the run before."""
    text = DROP_IN_TEXT.format(
        chain=certificate / "fullchain.pem", domain=domain, last_result=LAST_RESULT
    )
    machine.ensure_folder(DROP_IN.parent)
    if machine.write(DROP_IN, text):
        units.daemon_reload(machine)


def run(release: Path, domain: str, certificate: Path) -> int:
    """Run the doctor now and let it print; return 0 for ok, 1 for warnings, 2 for failures."""
    shell = 'exec "$0" -m flask doctor "$1" --cert "$CREDENTIALS_DIRECTORY/chain.pem"'
    language = os.environ.get("LC_ALL") or os.environ.get("LANG") or "C.UTF-8"
    command = as_service_user(
        release,
        *("/bin/sh", "-c", shell, f"{release}/.venv/bin/python", f"https://{domain}"),
        properties=(
            f"LoadCredential=chain.pem:{certificate}/fullchain.pem",
            f"Environment=LANG={language}",
        ),
    )
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode  # noqa: S603
