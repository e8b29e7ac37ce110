"""Changes by root in folders that the service can write: no link there leads root elsewhere."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from deploy.lib import paths
from deploy.lib.language import said
from deploy.lib.machine import DeployError


def copy_for_service(source: Path, target: Path) -> None:
    """Copy a file so that the user myapi can read it. `target` is in a folder of the service."""
    with os.fdopen(_open_source(source), "rb") as original:
        folder = _open_folder(target.parent)
        try:
            _unlink(target.name, folder)
            create = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(target.name, create, 0o600, dir_fd=folder), "wb") as copy:
                shutil.copyfileobj(original, copy)
                owner = os.fstat(folder)
                os.fchown(copy.fileno(), owner.st_uid, owner.st_gid)
        except BaseException as error:  # Ctrl-C leaves no half of a copy
            _unlink(target.name, folder)
            if isinstance(error, OSError):
                raise DeployError(f"{target}: {error.strerror}") from None
            raise
        finally:
            os.close(folder)


def _open_source(file: Path) -> int:
    """Open a file to read. Below the service's data, no part of the path may be a link."""
    path = Path(os.path.abspath(file))  # noqa: PTH100 (it leaves links as they are)
    if paths.DATA not in path.parents:
        return os.open(path, os.O_RDONLY)
    folder = os.open(paths.DATA, os.O_RDONLY | os.O_DIRECTORY)
    try:
        *parents, name = path.relative_to(paths.DATA).parts
        for each in parents:
            inner = os.open(each, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        raise DeployError(f"{file}: {_reason(error)}") from None
    finally:
        os.close(folder)


def _open_folder(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise DeployError(f"{path}: {_reason(error)}") from None


def _reason(error: OSError) -> str:
    links = said("links are not followed here", "此处不跟随链接")
    return f"{error.strerror}; {links}"


def _unlink(name: str, folder: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
