"""The secret key of a checkout in development: made at the first start and kept, so tokens last."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from myapi.settings.environment import SettingsError


def development_key(instance: Path) -> str:
    path = instance / "secret_keys"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise SettingsError([f"{path} cannot be made or read: {error.strerror}"]) from None


def _make(path: Path) -> None:
    """Write the key to another file first: a process that starts meanwhile reads all or nothing."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(secrets.token_hex(32))
    with contextlib.suppress(FileExistsError):
        os.link(file.name, path)
    Path(file.name).unlink()
