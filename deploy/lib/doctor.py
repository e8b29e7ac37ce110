"""Run the doctor on this server at the end of `up`. A timer runs it hourly."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from deploy.lib.machine import as_service_user


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
