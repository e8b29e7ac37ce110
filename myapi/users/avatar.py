"""The picture of a user: uploaded by the phone, made small, kept in the database.

`users.avatar_url` has an https URL that the phone has set, or `avatars/<name>` of an uploaded
picture: a request reads one column for both. The whole URL is made when it is shown.
"""

import base64
import functools
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from flask import has_request_context, request
from sqlalchemy import Connection, delete, insert, select, update

from myapi import audit
from myapi.clock import iso, now
from myapi.concurrency import off_loop
from myapi.db.transactions import Transaction, reading, transaction
from myapi.extensions import settings
from myapi.users import accounts, pictures
from myapi.users.accounts import UserRow
from myapi.users.models import Avatar, User
from myapi.users.pictures import Picture, PictureError
from myapi.web.errors import ApiError

log = logging.getLogger(__name__)

PREFIX = "avatars/"
NAME = re.compile(r"[0-9a-f]{32}")
MAX_BYTES = 2 * 2**20  # of an uploaded file
WAIT = 2.0  # s in all for the pictures of other users
READ_AT_ONCE = 8  # uploads of a process that are in memory; a slow phone must not hold up all

_reading = threading.BoundedSemaphore(READ_AT_ONCE)
_decoding = threading.BoundedSemaphore(1)


class Served(NamedTuple):
    content_type: str
    data: bytes


def upload(user_id: int, read: Callable[[], bytes]) -> UserRow:
    """Store the picture that `read` returns, in the place of the one before.

    Raises `picture_invalid`, `service_unavailable` if other pictures take long, `session_ended` if
    the user was erased.
    """
    return _store(user_id, _converted(read))


@transaction
def remove(tx: Transaction, user_id: int) -> UserRow:
    """Delete the uploaded picture, or forget the URL of another one."""
    user = _lock(tx, user_id)
    discard(tx, user_id)
    tx.execute(update(User).where(User.id == user_id).values(avatar_url=None))
    if user.avatar_url is not None:
        audit.record(tx, "avatar_removed", user=user.public_id)
    return user._replace(avatar_url=None)


def discard(tx: Transaction, user_id: int) -> None:
    """Delete the uploaded picture; `users.avatar_url` is the caller's to change."""
    tx.execute(delete(Avatar).where(Avatar.user_id == user_id))


def find(name: str) -> Served | None:
    """Return the picture of this name; None if it is gone."""
    if not NAME.fullmatch(name):  # MySQL cannot compare other text with an ASCII column
        return None
    with reading() as connection:
        row = connection.execute(_SELECT.where(Avatar.name == name)).first()
    return None if row is None else Served(row.content_type, row.data)


def url_of(stored: str | None) -> str | None:
    """Return what `users.avatar_url` is to people: a whole URL, or None."""
    if stored is None or not stored.startswith(PREFIX):
        return stored
    return f"{_base_url()}/{stored}"


def uploaded(connection: Connection, user_id: int) -> dict[str, Any] | None:
    """Return the uploaded picture for the export, in Base64; None if there is none."""
    row = connection.execute(_SELECT.where(Avatar.user_id == user_id)).first()
    if row is None:
        return None
    return {
        "content_type": row.content_type,
        "created_at": iso(row.created_at),
        "data": base64.b64encode(row.data).decode("ascii"),
    }


_SELECT = select(Avatar.content_type, Avatar.data, Avatar.created_at)


def _converted(read: Callable[[], bytes]) -> Picture:
    """Decode one picture at a time: a large one takes up to 75 MB for a moment.

    Of those that wait, most are not read yet, and so take no memory.
    """
    started = time.monotonic()
    with _turn(_reading, WAIT):
        left = WAIT - (time.monotonic() - started)
        data = read()
        with _turn(_decoding, left):
            try:
                return off_loop(pictures.convert, data)
            except PictureError as error:
                raise ApiError("picture_invalid", reason=str(error)) from None


@contextmanager
def _turn(semaphore: threading.BoundedSemaphore, wait: float) -> Iterator[None]:
    if not semaphore.acquire(timeout=max(0, wait)):
        raise ApiError("service_unavailable", reason="too many pictures at once")
    try:
        yield
    finally:
        semaphore.release()


@transaction
def _store(tx: Transaction, user_id: int, picture: Picture) -> UserRow:
    user = _lock(tx, user_id)
    name = secrets.token_hex(16)
    discard(tx, user_id)
    tx.execute(
        insert(Avatar).values(user_id=user_id, name=name, created_at=now(), **picture._asdict())
    )
    tx.execute(update(User).where(User.id == user_id).values(avatar_url=PREFIX + name))
    return user._replace(avatar_url=PREFIX + name)


def _lock(tx: Transaction, user_id: int) -> UserRow:
    user = accounts.lock(tx, user_id)
    if user is None:
        raise ApiError("session_ended")
    return user


def _base_url() -> str:
    if settings().public_url:
        return settings().public_url
    if has_request_context():
        return request.host_url.rstrip("/")
    return _url_on_this_machine(settings().bind)


@functools.cache  # one warning for a whole list
def _url_on_this_machine(bind: str) -> str:
    url = "http://localhost" if bind.startswith("unix:") else f"http://{bind}"
    log.warning("MYAPI_PUBLIC_URL is not set: URLs of pictures begin with %s", url)
    return url
