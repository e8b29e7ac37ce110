"""Authentication: check the signature, then one query, as in the other stacks."""

from typing import Annotated

import jwt
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from benchmarks.peers.fastapi.database import Db, writing
from benchmarks.peers.fastapi.errors import ApiError
from benchmarks.peers.fastapi.models import Session
from benchmarks.peers.fastapi.schemas import now
from benchmarks.peers.fastapi.settings import IDLE, LIFE, TOUCH_EVERY, settings

ALGORITHM = "HS256"
bearer = HTTPBearer(auto_error=False)


def create_token(session_id: int, issued: int, expires: int) -> str:
    claims = {"sid": session_id, "iat": issued // 1000, "exp": expires // 1000}
    return jwt.encode(claims, settings.secret, algorithm=ALGORITHM)


async def current_session(
    request: Request,
    db: Db,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Session:
    if credentials is None:
        raise ApiError("token_missing")
    session_id = _read(credentials.credentials)
    query = select(Session).options(joinedload(Session.user)).where(Session.id == session_id)
    session = (await db.execute(query)).scalar_one_or_none()
    moment = now()
    if session is None:
        raise ApiError("session_ended")
    if session.user.banned_at is not None:
        raise ApiError("user_banned")
    if not _is_live(session, moment):
        raise ApiError("session_ended")
    if session.last_seen_at is None or session.last_seen_at <= moment - TOUCH_EVERY:
        session.last_seen_at = moment
        async with writing:
            await db.commit()
    request.state.session = session
    return session


CurrentSession = Annotated[Session, Depends(current_session)]


def _read(token: str) -> int:
    try:
        claims = jwt.decode(token, settings.secret, algorithms=[ALGORITHM])
    except jwt.InvalidTokenError:
        raise ApiError("token_invalid") from None
    return claims["sid"]


def _is_live(session: Session, moment: int) -> bool:
    last_use = session.last_seen_at or session.created_at
    young = session.created_at > moment - LIFE and last_use > moment - IDLE
    return session.ended_at is None and young
