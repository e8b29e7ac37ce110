"""Files that hold secrets or people's data: for their owner alone, and never half-written."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOT_OTHERS = 0o660  # what may stay of the mode of a file that is replaced


@contextmanager
def new(path: Path) -> Iterator[Path]:
    """Yield an empty file beside `path`, which gets that name when the block has filled it.

    Raises FileExistsError where something has the name, before the block or after it.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 (a link that has the name is not followed)
    _must_be_free(path)
    with _draft(path) as draft:
        yield draft
        _to_disk(draft)
        _must_be_free(path)
        draft.rename(path)
    _folder_to_disk(path.parent)


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield an empty file which takes the place of `path` when the block has filled it.

    It keeps the owner and the group of the file that was there, so a service reads it as before.
    """
    path = path.resolve()  # of a link, what it points to
    with _draft(path) as draft:
        yield draft
        if path.exists():
            _take_after(draft, path.stat())
        _to_disk(draft)
        draft.replace(path)
    _folder_to_disk(path.parent)


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)  # its mode is 0600
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _must_be_free(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, "there is a file of that name already", str(path))


def _take_after(draft: Path, former: os.stat_result) -> None:
    draft.chmod(former.st_mode & NOT_OTHERS)
    if hasattr(os, "chown"):
        os.chown(draft, former.st_uid, former.st_gid)


def _to_disk(file: Path) -> None:
    handle = os.open(file, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _folder_to_disk(folder: Path) -> None:
    """Make a new name last through a power cut; on Windows a folder cannot be opened."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
