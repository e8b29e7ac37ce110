"""The subscribe messages, and what became of them."""

from flask import Response, request

from myapi.console import query, responses
from myapi.console.blueprint import bp
from myapi.console.users import find
from myapi.messages import listings
from myapi.messages.models import STATES
from myapi.web.access import operators_only


@bp.get("/messages")
@operators_only
def list_messages() -> Response:
    """List messages, newest first: of a state, or to a user."""
    state = query.one_of("state", STATES)
    user = find(request.args["user"]) if "user" in request.args else None
    page = listings.messages(query.ROWS, query.after(), state=state, user_id=user and user.id)
    return responses.page(
        "messages.html",
        states=STATES,
        state=state,
        user=user,
        messages=page.rows,
        next=responses.next_page(page.next),
        newest=responses.first_page(),
    )
