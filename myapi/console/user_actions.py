"""What an operator does to a user. Each is the use-case that the command calls too."""

import json

from flask import Response, request

from myapi.auth import bans, sessions
from myapi.console import query, responses
from myapi.console.access import change
from myapi.console.blueprint import bp
from myapi.console.users import find, user_page
from myapi.users import erasure, phone
from myapi.users.export import export as export_user
from myapi.web.errors import ApiError


@bp.post("/users/<user_id>/ban")
@change
def ban(user_id: str) -> Response:
    user = find(user_id)
    ended = bans.ban(user.id, query.reason())
    return _back_to(user.public_id, "unchanged" if ended is None else "ban")


@bp.post("/users/<user_id>/unban")
@change
def unban(user_id: str) -> Response:
    user = find(user_id)
    lifted = bans.unban(user.id, query.reason())
    return _back_to(user.public_id, "unban" if lifted else "unchanged")


@bp.post("/users/<user_id>/erase")
@change
def erase(user_id: str) -> Response:
    """Erase an account. The first form is answered with a question, the second one erases."""
    user, reason = find(user_id), query.reason()
    if request.form.get("confirmed") != "yes":
        return responses.page("erase.html", user=user, reason=reason)
    erasure.erase(user.id, reason)
    return responses.see_other("users", done="erase")


@bp.post("/users/<user_id>/export")
@change
def export(user_id: str) -> Response:
    """Return all that is stored about a user, as a file."""
    user = find(user_id)
    data = export_user(user, query.reason())
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    return responses.download(text.encode(errors="replace"), f"{user.public_id}.json")


@bp.post("/users/<user_id>/phone")
@change
def show_phone(user_id: str) -> Response:
    """Show the whole number on this page alone: loading the page again hides it."""
    user = find(user_id)
    return user_page(user, phone=phone.show_phone(user.id, query.reason()))


@bp.post("/sessions/<session_id>/end")
@change
def end_session(session_id: str) -> Response:
    ended = sessions.revoke(session_id, query.reason())
    if ended is None:
        raise ApiError("not_found")
    user = request.form.get("user", "")
    if not query.ID.fullmatch(user):
        return responses.see_other("users", done="end")
    return _back_to(user, "end" if ended else "unchanged")


def _back_to(public_id: str, done: str) -> Response:
    return responses.see_other(f"users/{public_id}", done=done)
