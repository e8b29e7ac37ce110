"""Retried logins: the phone's network stack may send a login request twice.

WeChat accepts a code once, so the second request finds it used, perhaps while the first is still in
progress. The session gets a new token if it is at most 30 seconds old and was never used. After its
first use the code is refused: the phone has received its token, so the code may be stolen.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, or_, select, update

from myapi import audit
from myapi.auth.liveness import expires_at, is_live, limits
from myapi.auth.models import Session
from myapi.auth.new_session import NewSession
from myapi.clock import now
from myapi.concurrency import FewWait
from myapi.db.transactions import Transaction, changed, reading, transaction
from myapi.extensions import settings, tokens
from myapi.users.accounts import SELECT_USERS, UserRow
from myapi.users.models import User
from myapi.web.errors import ApiError

MAX_AGE = timedelta(seconds=30)  # of a login whose token is reissued
WAIT = 2.0  # s for the first of two requests to finish
POLL = 0.1
MAX_WAITING = 8  # requests of a process; used codes cost an attacker nothing

_waiting = FewWait(MAX_WAITING)


def wait_for_session(code_digests: list[bytes]) -> NewSession | None:
    """Return the session of a used code with a new token; None if the code has to be refused.

    Raises `ApiError` if the user is banned.
    """
    return _waiting.until(lambda: _find_and_reissue(code_digests), seconds=WAIT, pause=POLL)


def _find_and_reissue(code_digests: list[bytes]) -> NewSession | None:
    fresh = (
        Session.code_digest.in_(code_digests),
        Session.created_at > now() - MAX_AGE,
        User.appid == settings().appid,
    )
    unused = (Session.last_seen_at.is_(None), is_live())
    banned = User.banned_at.is_not(None)
    statement = select(Session.id, banned.label("banned")).join_from(Session, User)
    with reading() as connection:
        found = connection.execute(
            statement.where(*fresh, or_(and_(*unused), banned)), limits(now())
        ).first()
    if found is None:
        return None
    if found.banned:
        raise ApiError("user_banned", reason="retried login")
    return _reissue_token(found.id, unused)


@transaction
def _reissue_token(
    tx: Transaction, session_id: int, unused: Sequence[ColumnElement[bool]]
) -> NewSession | None:
    """Give a session a new token, unless it was used or ended meanwhile."""
    token = tokens().new()
    statement = update(Session).where(Session.id == session_id, *unused)
    if not changed(tx, statement.values(token_digest=token.digest), limits(now())):
        return None
    session = tx.execute(select(Session).where(Session.id == session_id)).one()
    user = UserRow._make(tx.execute(SELECT_USERS.where(User.id == session.user_id)).one())
    audit.log_after_commit(tx, "login_resent", user=user.public_id, session=session.public_id)
    return NewSession(token.text, expires_at(session.created_at), user)
