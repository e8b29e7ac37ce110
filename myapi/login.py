"""From a `wx.login` code to a session; the phone may well send one twice."""

import secrets
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, insert, or_, select, update

from myapi import audit, sessions, users, waits
from myapi.clock import now
from myapi.database import Transaction, changed, reading, transaction
from myapi.errors import ApiError
from myapi.extensions import keyring, tokens, wechat
from myapi.models import Session, User
from myapi.statements import Statement
from myapi.users import Account
from myapi.wechat import CodeUsed, Login

RESEND_WINDOW = timedelta(seconds=30)  # how old a login may be that a resent one takes over
RESEND_WAIT = 2.0  # s to wait for the first of two requests to finish
RESEND_POLL = 0.1
RESEND_PLACES = 8  # threads that may wait so, per process

_resent = threading.BoundedSemaphore(RESEND_PLACES)


class Opened(NamedTuple):
    """A fresh session: the token is told this once and stored nowhere."""

    token: str
    expires_at: datetime
    user: Account


def open_session(code: str, ip: str, user_agent: str) -> Opened:
    """Turn a `wx.login` code into a user and a session.

    No transaction is open while WeChat is asked.
    Raises `ApiError` for a ban and `WeChatError` for all that WeChat says or fails to say.
    """
    digests = keyring().code_digests(code)
    try:
        login = wechat().code_to_session(code)
    except CodeUsed:
        opened = _wait_for_resent(digests)
        if opened is None:
            raise
        return opened
    return _start(login, now(), digests[0], ip, user_agent)


@transaction
def _start(
    tx: Transaction,
    login: Login,
    exchanged_at: datetime,
    code_digest: bytes,
    ip: str,
    user_agent: str,
) -> Opened:
    user, is_new = users.sign_in(tx, login, exchanged_at)
    if not is_new:
        sessions.make_room(tx, user.id)
    token = tokens().new()
    session = {
        "public_id": secrets.token_hex(12),
        "user_id": user.id,
        "token_digest": token.digest,
        "code_digest": code_digest,
        "ip": ip,
        "user_agent": user_agent,
        "created_at": exchanged_at,
    }
    _OPEN.change(tx, session)
    audit.note(tx, "login", user=user.public_id, session=session["public_id"])
    return Opened(token.text, sessions.expires_at(exchanged_at), user)


_OPEN = Statement(insert(Session))


def _wait_for_resent(digests: list[bytes]) -> Opened | None:
    """Give the session of a login that the phone's network stack sent twice a new token.

    WeChat takes a code once, so the second request finds it used; the first one may still be
    on its way. A session that has been used has a token that arrived: it is left alone, and a
    stolen code is worth nothing.
    """
    # Codes that were used cost an attacker nothing: past a few, nobody waits for one.
    patient = _resent.acquire(blocking=False)
    deadline = time.monotonic() + (RESEND_WAIT if patient else 0)
    try:
        while True:
            if (opened := _take_over(digests)) or time.monotonic() >= deadline:
                return opened
            with waits.waiting():
                time.sleep(RESEND_POLL)
    finally:
        if patient:
            _resent.release()


def _take_over(digests: list[bytes]) -> Opened | None:
    fresh = (Session.code_digest.in_(digests), Session.created_at > now() - RESEND_WINDOW)
    unused = (Session.last_seen_at.is_(None), Session.ended_at.is_(None))
    banned = User.banned_at.is_not(None)
    asked = select(Session.id, banned.label("banned")).join_from(Session, User)
    with reading() as connection:
        found = connection.execute(asked.where(*fresh, or_(and_(*unused), banned))).first()
    if found is None:
        return None
    if found.banned:
        raise ApiError("user_banned", reason="resent login")
    return _replace_token(found.id, (*fresh, *unused))


@transaction
def _replace_token(
    tx: Transaction, session_id: int, unused: Sequence[ColumnElement[bool]]
) -> Opened | None:
    token = tokens().new()
    take = update(Session).where(Session.id == session_id, *unused)
    if not changed(tx, take.values(token_digest=token.digest)):
        return None
    session = tx.execute(
        select(Session.public_id, Session.created_at).where(Session.id == session_id)
    ).one()
    user = users.of_session(tx, session_id)
    if user is None:
        raise AssertionError("its session is locked, and so is there")
    audit.note(tx, "login_resent", user=user.public_id, session=session.public_id)
    return Opened(token.text, sessions.expires_at(session.created_at), user)
