"""Log in: exchange a code of wx.login for a session and its token."""

import secrets

from fastapi import APIRouter, Depends, Request
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.peers.fastapi.auth import create_token
from benchmarks.peers.fastapi.database import Db, writing
from benchmarks.peers.fastapi.errors import ApiError
from benchmarks.peers.fastapi.limits import LOGINS, limit_failed_logins, limiter
from benchmarks.peers.fastapi.models import Session, User
from benchmarks.peers.fastapi.schemas import Answer, LoggedIn, LoginRequest, Profile, iso, now
from benchmarks.peers.fastapi.settings import LIFE, settings

router = APIRouter()


@router.post("/api/auth/login", dependencies=[Depends(limit_failed_logins)])
@limiter.limit(LOGINS)
async def log_in(request: Request, body: LoginRequest, db: Db) -> Answer[LoggedIn]:
    openid, session_key = await request.app.state.wechat.code_to_session(body.code)
    async with writing:
        moment = now()
        user = await _find_or_create(db, openid, session_key, moment)
        session = await _open_session(db, user, request, moment)
    expires = moment + LIFE
    token = create_token(session.id, moment, expires)
    return Answer(data=LoggedIn(token=token, expires_at=iso(expires), user=Profile.of(user)))


async def _find_or_create(db: AsyncSession, openid: str, session_key: str, moment: int) -> User:
    user = await _find(db, openid)
    if user is None:
        user = User(
            public_id=secrets.token_hex(12),
            appid=settings.wechat_appid,
            openid=openid,
            session_key=session_key,
            created_at=moment,
        )
        db.add(user)
        try:
            await db.flush()
        except IntegrityError:  # a simultaneous first login created the user
            await db.rollback()
            user = await _find(db, openid)
    user.session_key = session_key
    return user


async def _open_session(db: AsyncSession, user: User, request: Request, moment: int) -> Session:
    if user.banned_at is not None:
        await db.commit()
        raise ApiError("user_banned")
    session = Session(
        user_id=user.id,
        ip=request.client.host,
        user_agent=request.headers.get("user-agent", "")[:255],
        created_at=moment,
    )
    db.add(session)
    await db.commit()
    return session


async def _find(db: AsyncSession, openid: str) -> User | None:
    query = select(User).where(User.appid == settings.wechat_appid, User.openid == openid)
    return (await db.execute(query)).scalar_one_or_none()
