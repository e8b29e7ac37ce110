"""The events that WeChat has pushed: those that failed first."""

from flask import Response, current_app, request

from myapi.console import query, responses
from myapi.console.access import change
from myapi.console.blueprint import bp
from myapi.console.notices import NOTICES
from myapi.db.pagination import Page
from myapi.push import handling, listings
from myapi.push.models import DONE, FAILED, WAITING
from myapi.soon import Soon
from myapi.web.access import operators_only
from myapi.web.errors import ApiError

STATES = (FAILED, WAITING, DONE)
MOST_FAILED = 20  # above the others
NONE = Page((), None)


@bp.get("/events")
@operators_only
def list_events() -> Response:
    """List the events of a state; without one, those that failed, then all others."""
    state = query.one_of("state", STATES)
    failed = NONE
    if state is None and "after" not in request.args:
        failed = listings.events(MOST_FAILED, state=FAILED)
    page = listings.events(
        query.ROWS, query.after(), state=state, besides=None if state else FAILED
    )
    return responses.page(
        "events.html",
        states=STATES,
        state=state,
        failed=failed,
        events=page.rows,
        next=responses.next_page(page.next),
        newest=responses.first_page(),
        notice=NOTICES.get(request.args.get("done", "")),
    )


@bp.get("/events/<int(max=999999999999999999):event_id>")
@operators_only
def show_event(event_id: int) -> Response:
    """Show an event. What it says may have an openid and is for `flask events show`."""
    found = listings.event(event_id)
    if found is None:
        raise ApiError("not_found")
    return responses.page("event.html", event=found[0], has_content=found[1] is not None)


@bp.post("/events/<int(max=999999999999999999):event_id>/retry")
@change
def retry(event_id: int) -> Response:
    if not handling.retry(event_id, query.optional_reason()):
        raise ApiError("not_found")
    soon: Soon = current_app.extensions["events_soon"]
    soon.ask()
    return responses.see_other("events", done="retry")
