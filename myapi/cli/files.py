"""Write files that hold secrets or personal data: for their owner alone, complete or not at all."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from myapi.language import localized

OWNER_AND_GROUP = 0o660  # the mode bits that a replaced file may keep


@contextmanager
def atomic_create(path: Path) -> Iterator[Path]:
    """Yield an empty temporary file, which is renamed to `path` when the block has filled it.

    Raises FileExistsError if `path` exists, before the block or after it.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 (resolve() would follow a symbolic link)
    _refuse_existing(path)
    with _temporary_file(path) as temporary:
        yield temporary
        _fsync_file(temporary)
        _refuse_existing(path)
        temporary.rename(path)
    _fsync_directory(path.parent)


@contextmanager
def atomic_replace(path: Path) -> Iterator[Path]:
    """Yield an empty temporary file, which replaces `path` when the block has filled it.

    It keeps the owner and the group of the former file, so a service can still read it.
    """
    path = path.resolve()  # replace the target of a symbolic link, not the link
    with _temporary_file(path) as temporary:
        yield temporary
        if path.exists():
            _copy_owner_and_mode(path.stat(), temporary)
        _fsync_file(temporary)
        temporary.replace(path)
    _fsync_directory(path.parent)


@contextmanager
def _temporary_file(path: Path) -> Iterator[Path]:
    if not path.parent.is_dir():
        missing = localized("there is no such folder", "没有这个目录")
        raise FileNotFoundError(errno.ENOENT, missing, str(path.parent))
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)  # its mode is 0600
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError(
            errno.EEXIST, localized("the file already exists", "文件已存在"), str(path)
        )


def _copy_owner_and_mode(former: os.stat_result, temporary: Path) -> None:
    temporary.chmod(former.st_mode & OWNER_AND_GROUP)
    if hasattr(os, "chown"):
        os.chown(temporary, former.st_uid, former.st_gid)


def _fsync_file(file: Path) -> None:
    handle = os.open(file, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fsync_directory(directory: Path) -> None:
    """Make a new name survive a power cut. Windows cannot open a directory."""
    if os.name == "nt":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
