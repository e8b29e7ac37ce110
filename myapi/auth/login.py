"""Log in: exchange a `wx.login` code for a session."""

import functools
import secrets
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import insert

from myapi import audit
from myapi.auth import bans, retried_login, sessions
from myapi.auth.liveness import expires_at
from myapi.auth.models import Session
from myapi.auth.new_session import NewSession
from myapi.clock import now
from myapi.concurrency import let_reads_first
from myapi.db.transactions import Transaction, after_commit, transaction
from myapi.extensions import hourly, keyring, tokens, wechat
from myapi.users import accounts, events, total
from myapi.users.accounts import UserRow
from myapi.web.errors import ApiError
from myapi.wechat import CodeUsed, Login

INSERT_SESSION = insert(Session)


class Device(NamedTuple):
    """Where a login came from, as shown in the list of devices."""

    ip: str
    user_agent: str


def log_in(code: str, device: Device) -> NewSession:
    """Exchange a `wx.login` code for a user and a session.

    No transaction is open during the call to WeChat.
    Raises `ApiError` for a banned user, and `WeChatError` if WeChat refuses or fails.
    """
    digests = keyring().code_digests(code)
    try:
        login = wechat().code_to_session(code)
        let_reads_first()  # answers of WeChat come in bursts
    except CodeUsed:
        session = retried_login.wait_for_session(digests)
        if session is None:
            raise
        return session
    return _start_session(login, now(), digests[0], device)


@transaction
def _start_session(
    tx: Transaction, login: Login, exchanged_at: datetime, code_digest: bytes, device: Device
) -> NewSession:
    user = accounts.lock_by_openid(tx, login.openid)
    if user is None:
        user = _sign_up(tx, login, exchanged_at)
    else:
        if user.banned_at is not None:
            raise ApiError("user_banned", reason=f"login of user {user.public_id}")
        accounts.store_session_key(tx, user, login, exchanged_at)
        sessions.end_surplus(tx, user.id)
    token = tokens().new()
    public_id = secrets.token_hex(12)
    values = {
        "public_id": public_id,
        "user_id": user.id,
        "token_digest": token.digest,
        "code_digest": code_digest,
        "ip": device.ip,
        "user_agent": device.user_agent,
        "created_at": exchanged_at,
    }
    tx.execute(INSERT_SESSION, values)
    audit.log_after_commit(tx, "login", user=user.public_id, session=public_id)
    events.announce(tx, "login", user.id)
    return NewSession(token.text, expires_at(exchanged_at), user)


def _sign_up(tx: Transaction, login: Login, exchanged_at: datetime) -> UserRow:
    user = accounts.insert_user(tx, login, exchanged_at)
    if bans.exists_for(tx, user.appid, user.openid):
        raise ApiError("user_banned", reason="login of an erased user")
    audit.log_after_commit(tx, "signup", user=user.public_id)
    after_commit(tx, functools.partial(hourly().count, total.SIGNUP))
    events.announce(tx, "signup", user.id)
    return user
