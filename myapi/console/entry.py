"""The way in and out: a link, whose one button gives the cookie."""

from flask import Response, request

from myapi.console import access, responses
from myapi.console.blueprint import bp
from myapi.operators import cookies, links
from myapi.operators.links import State
from myapi.web.access import operator_or_none, operators_only, public
from myapi.web.errors import ApiError
from myapi.web.rate_limits import per_address


@bp.get("/open")
@public
@per_address("60/minute")
def show_link() -> Response:
    """Show the one button. This changes nothing: programs that look ahead may load it."""
    secret = request.args.get("secret", "")
    return _page(_known(secret), secret)


@bp.post("/open")
@public
@per_address("60/minute")
def open_link() -> Response:
    """Use the link up and give the cookie."""
    secret = request.form.get("secret", "")
    link = _known(secret)
    former = operator_or_none(request)
    opened = links.use(secret) if access.is_same_origin() else None
    if opened is None:
        return _page(link._replace(state=State.OVER), secret)
    if former is not None:  # its cookie is overwritten
        cookies.sign_out(former)
    response = responses.see_other("")
    access.give_cookie(response, opened.cookie, opened.ends_at)
    return response


@bp.post("/leave")
@operators_only
def leave() -> Response:
    """Sign out."""
    access.check_form()
    cookies.sign_out(access.operator())
    response = responses.page("left.html", alone=True)
    access.take_cookie(response)
    return response


def _known(secret: str) -> links.Link:
    """Return the link of a secret. Nobody else learns that there is a console."""
    link = links.look(secret) if access.is_allowed_address(request) else None
    if link is None:
        raise ApiError("not_found")
    return link


def _page(link: links.Link, secret: str) -> Response:
    if link.state is State.OPEN:
        return responses.page("way-in.html", link=link, secret=secret, alone=True)
    return responses.page("link-over.html", 410, alone=True)
