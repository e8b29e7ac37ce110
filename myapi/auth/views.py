"""Log in, log out, and manage one's own sessions."""

import re

from flask import Blueprint, Response, request

from myapi.auth import sessions
from myapi.auth.login import Device, log_in
from myapi.auth.schemas import LoginOut, LoginRequest, SessionOut, SessionsOut
from myapi.extensions import hourly
from myapi.web.access import caller, public
from myapi.web.endpoint import endpoint
from myapi.web.rate_limits import limit_logins

bp = Blueprint("auth", __name__, url_prefix="/api/auth")

COUNTED = {"login", "logout"}  # views


@bp.post("/login")
@public
@limit_logins
@endpoint(
    body=LoginRequest,
    returns=LoginOut,
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
    """Exchange a `wx.login` code for a session. Its token is returned only once."""
    return LoginOut.of(log_in(body.code, _device()))


@bp.post("/logout")
@endpoint()
def logout() -> None:
    """End this session, with immediate effect."""
    sessions.log_out(caller().session_id, caller().session)


@bp.get("/sessions")
@endpoint(returns=SessionsOut)
def list_sessions() -> SessionsOut:
    """List the devices on which I am logged in, most recently used first."""
    found = sessions.of_user(caller().user_id)
    return SessionsOut([SessionOut.of(session, caller()) for session in found])


@bp.delete("/sessions/<session_id>")
@endpoint(errors=("not_found",))
def end_session(session_id: str) -> None:
    """End one of my sessions. Succeeds also if it has already ended."""
    sessions.end(caller().user_id, session_id)


@bp.delete("/sessions")
@endpoint()
def end_other_sessions() -> None:
    """End all of my sessions but this one."""
    sessions.end_others(caller().user_id, keep=caller().session_id)


@bp.after_request
def _count(response: Response) -> Response:
    """Count logins and logouts by the hour, refused ones by their error; the console shows them."""
    view = (request.endpoint or "").removeprefix(f"{bp.name}.")
    if view in COUNTED:
        hourly().count(f"{view}.{request.environ.get('myapi.error', 'ok')}")
    return response


def _device() -> Device:
    """Return the caller's address, and the User-Agent as at most 255 printable ASCII characters."""
    user_agent = re.sub(r"[^ -~]", "?", request.headers.get("User-Agent", ""))[:255]
    return Device(request.remote_addr or "", user_agent)
