"""What was done, by whom and why."""

from flask import Response, request

from myapi.audit import KINDS, listings
from myapi.console import query, responses
from myapi.console.audit_texts import TEXTS
from myapi.console.blueprint import bp
from myapi.extensions import settings
from myapi.web.access import operators_only


@bp.get("/audit")
@operators_only
def list_audit() -> Response:
    """List entries, newest first: of a kind of actor, or about a user."""
    user = request.args.get("user")
    actor = request.args.get("actor")
    page = listings.entries(query.ROWS, query.after(), user=user, actor=actor)
    return responses.page(
        "audit.html",
        kinds=KINDS,
        actor=actor,
        user=user,
        entries=page.rows,
        details_of=listings.details_of,
        texts=TEXTS,
        days=settings().audit_days,
        next=responses.next_page(page.next),
        newest=responses.first_page(),
    )
