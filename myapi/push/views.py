"""Where WeChat checks the URL and pushes its events."""

from flask import Blueprint, Response, current_app, request

from myapi.push import inbox
from myapi.push.keys import push_keys
from myapi.soon import Soon
from myapi.web.access import signed_by_wechat
from myapi.web.body import read_body
from myapi.web.errors import ApiError
from myapi.wechat import push
from myapi.wechat.push import PushKeys
from myapi.wechat.push_text import PushRefused

bp = Blueprint("push", __name__, url_prefix="/wechat")


@bp.get("/push")
@signed_by_wechat
def check() -> Response:
    """Answer WeChat's check of this URL: the echostr as it came, if the signature is right."""
    try:
        return _text(push.check_url(_keys(), request.args))
    except PushRefused as error:
        raise ApiError("push_refused", reason=str(error)) from None


@bp.post("/push")
@signed_by_wechat
def receive() -> Response:
    """Take an event of WeChat: verified, stored, answered, and then handled."""
    request.max_content_length = max(push.SIZE_LIMIT, current_app.config["MAX_CONTENT_LENGTH"])
    try:
        taken = push.read_push(_keys(), request.args, read_body())
    except PushRefused as error:
        raise ApiError("push_refused", reason=str(error)) from None
    response = _text("success")
    if inbox.store(taken):
        soon: Soon = current_app.extensions["events_soon"]
        response.call_on_close(soon.ask)
    return response


# Where MYAPI_MAX_BODY_BYTES is lower, that is for phones: an event that gets 413 is lost.
receive.max_body_bytes = push.SIZE_LIMIT  # type: ignore[attr-defined]


def _keys() -> PushKeys:
    keys = push_keys()
    if keys is None:
        raise ApiError("not_found")
    return keys


def _text(text: str) -> Response:
    return Response(text, content_type="text/plain; charset=utf-8")
