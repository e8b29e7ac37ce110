"""The list of users, and all about one of them."""

from typing import Any

from flask import Response, current_app, request
from sqlalchemy import Row

from myapi.audit import listings as audit_listings
from myapi.auth import listings, search, sessions
from myapi.console import boxes, query, responses
from myapi.console.audit_texts import TEXTS
from myapi.console.blueprint import bp
from myapi.console.notices import NOTICES
from myapi.db.transactions import reading
from myapi.messages import ledger
from myapi.messages import listings as messages
from myapi.push import listings as events
from myapi.users import accounts
from myapi.users.accounts import UserRow
from myapi.users.phone import masked
from myapi.web.access import operators_only
from myapi.web.errors import ApiError

FEW = 10  # rows of a list on the page of a user


@bp.get("/users")
@operators_only
def list_users() -> Response:
    """List users, newest first, or those that `q` finds."""
    text = request.args.get("q", "").strip()
    if text:
        page = search.search(text, query.ROWS, request.args.get("after"))
    else:
        page = listings.users(query.ROWS, query.after())
    for user in page.rows:
        if text in (user.public_id, user.openid):
            return responses.see_other(f"users/{user.public_id}")
    return responses.page(
        "users.html",
        users=page.rows,
        text=text,
        masked=masked,
        next=responses.next_page(page.next),
        newest=responses.first_page(),
        notice=NOTICES.get(request.args.get("done", "")),
    )


@bp.get("/users/<user_id>")
@operators_only
def show_user(user_id: str) -> Response:
    return user_page(find(user_id))


def find(public_id: str) -> UserRow:
    """Return the user of a public id, or raise `not_found`; no openid is taken in a path."""
    user = accounts.find(public_id) if query.ID.fullmatch(public_id) else None
    if user is None:
        raise ApiError("not_found")
    return user


def user_page(user: UserRow, **more: Any) -> Response:  # noqa: ANN401
    """Return the page of a user; `more` has what was asked for, such as the phone number."""
    with reading() as connection:
        permissions = ledger.permissions(connection, user.id)
    return responses.page(
        "user.html",
        user=listings.user(user.id),
        masked_phone=masked(user.phone),
        sessions=sessions.of_user(user.id),
        permissions=permissions,
        messages=messages.messages(FEW, user_id=user.id).rows,
        events=events.events(FEW, openid=user.openid).rows,
        entries=_entries(user.public_id),
        texts=TEXTS,
        boxes=boxes.of_user(current_app, user.id),
        notice=NOTICES.get(request.args.get("done", "")),
        **more,
    )


def _entries(public_id: str) -> list[Row[Any]]:
    return list(audit_listings.entries(FEW, user=public_id).rows)
