"""The secret key of development: created at the first start and kept, so tokens stay valid."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from myapi.language import localized
from myapi.settings.environment import SettingsError


def development_key(instance: Path) -> str:
    path = instance / "secret_keys"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _create(path)
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        problem = localized(
            f"{path} cannot be created or read: {error.strerror}",
            f"无法创建或读取 {path}：{error.strerror}",
        )
        raise SettingsError([problem]) from None


def _create(path: Path) -> None:
    """Write to a temporary file first, so another process never reads a half-written key.

    If two processes create the key at once, the first one wins: `os.link` never overwrites.
    """
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(secrets.token_hex(32))
    with contextlib.suppress(FileExistsError):
        os.link(file.name, path)
    Path(file.name).unlink()
