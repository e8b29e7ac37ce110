"""Log in, log out, and the list of one's own sessions."""

import re

from flask import Blueprint, request

from myapi import limits, sessions
from myapi.contract import contract
from myapi.guards import anyone, caller
from myapi.login import open_session
from myapi.schemas import LoginOut, LoginRequest, SessionOut, SessionsOut

bp = Blueprint("auth", __name__, url_prefix="/api/auth")


@bp.post("/login")
@anyone
@limits.login
@contract(
    takes=LoginRequest,
    gives=LoginOut,
    errors=(
        "login_code_invalid",
        "user_banned",
        "wechat_blocked_user",
        "rate_limited",
        "wechat_misconfigured",
        "wechat_unavailable",
        "wechat_timeout",
        "service_unavailable",
    ),
)
def login(body: LoginRequest) -> LoginOut:
    """Turn a code of `wx.login` into a session; its token is told this once."""
    return LoginOut.of(open_session(body.code, request.remote_addr or "", _user_agent()))


@bp.post("/logout")
@contract()
def logout() -> None:
    """End this session, at once and everywhere."""
    sessions.log_out(caller().session_id, caller().session)


@bp.get("/sessions")
@contract(gives=SessionsOut)
def list_sessions() -> SessionsOut:
    """List the devices on which I am logged in, the one used last first."""
    found = sessions.of_user(caller().user_id)
    return SessionsOut([SessionOut.of(session, caller()) for session in found])


@bp.delete("/sessions/<session_id>")
@contract(errors=("not_found",))
def end_session(session_id: str) -> None:
    """End one of my sessions; well also if it had ended."""
    sessions.end(caller().user_id, session_id)


@bp.delete("/sessions")
@contract()
def end_other_sessions() -> None:
    """End all of my sessions but this one."""
    sessions.end_others(caller().user_id, but=caller().session_id)


def _user_agent() -> str:
    """Return the User-Agent as it may be stored and shown: printable ASCII, at most 255."""
    return re.sub(r"[^ -~]", "?", request.headers.get("User-Agent", ""))[:255]
