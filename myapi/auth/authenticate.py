"""Find the session and the user of a bearer token, for every authenticated request."""

from sqlalchemy import bindparam, case, literal_column, not_, select

from myapi.auth.last_use import RECORD_EVERY, record_last_use
from myapi.auth.liveness import is_live, limits, time_parameter
from myapi.auth.models import Session
from myapi.clock import now
from myapi.db.hot_query import HotQuery
from myapi.extensions import settings, tokens
from myapi.security.tokens import TokenInvalidError
from myapi.users.accounts import ACCOUNT_COLUMNS, Account
from myapi.users.models import User
from myapi.web.access import Caller
from myapi.web.errors import ApiError


def authenticate(token: str) -> Caller:
    """Return the session and the user of a token, or raise `ApiError`.

    The signature is checked first, so a forged token costs no query. Then one statement in
    autocommit reads both rows. A token of another AppID is refused as `session_ended`, even on the
    same database and with the same keys.
    """
    try:
        digest = tokens().read(token)
    except TokenInvalidError:
        raise ApiError("token_invalid") from None
    at = now()
    second = at.replace(microsecond=0)
    row = _SELECT_CALLER.first(
        {
            "digest": digest,
            "appid": settings().appid,
            "recorded_after": second - RECORD_EVERY,
            **limits(second),
        }
    )
    if row is None:
        raise ApiError("session_ended")
    session_id, session, *user, state = row
    caller = Caller(session_id, session, Account._make(user))
    if state == "banned":
        raise ApiError("user_banned", reason=f"user {caller.user}")
    if state == "ended":
        raise ApiError("session_ended")
    if state != "fresh":
        record_last_use(session_id, at, first=state == "unused")
    return caller


# A single column, because PyMySQL reads one packet per column.
_STATE = case(
    (User.banned_at.is_not(None), literal_column("'banned'")),
    (not_(is_live()), literal_column("'ended'")),
    (Session.last_seen_at.is_(None), literal_column("'unused'")),
    (Session.last_seen_at > time_parameter("recorded_after"), literal_column("'fresh'")),
    else_=literal_column("'stale'"),
)

_SELECT_CALLER = HotQuery(
    select(Session.id, Session.public_id, *ACCOUNT_COLUMNS, _STATE)
    .join_from(Session, User)
    .where(Session.token_digest == bindparam("digest"), User.appid == bindparam("appid"))
)
