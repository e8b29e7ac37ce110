"""Only in development: the WeChat sandbox pushes an event, which WeChat could not from outside."""

import json
import time
from typing import Annotated, Any

from flask import Blueprint, current_app
from msgspec import Meta, Struct, field

from myapi.extensions import sandbox, settings
from myapi.push import message_events
from myapi.push.keys import push_keys
from myapi.push.people import BY_OPENID
from myapi.web.access import local_only
from myapi.web.endpoint import endpoint
from myapi.web.errors import ApiError
from myapi.wechat import push
from myapi.wechat.sandbox import is_user_name

bp = Blueprint("sandbox_push", __name__, url_prefix="/sandbox")


class PushRequest(Struct):
    event: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            description="The name of the event.",
            examples=["user_authorization_revoke"],
        ),
    ]
    openid: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=128,
            description="Whom it is about: an openid, or the name of a sandbox user.",
            examples=["alice"],
        ),
    ]
    fields: Annotated[
        dict[str, Any],
        Meta(description="The other fields of the event.", examples=[{"RevokeInfo": "8"}]),
    ] = field(default_factory=dict)


class PushOut(Struct):
    status: Annotated[int, Meta(description="The status of the answer.", examples=[200])]
    answer: Annotated[str, Meta(description="The answer.", examples=["success"])]


@bp.post("/push")
@local_only
@endpoint(body=PushRequest, returns=PushOut, envelope=False)
def send(body: PushRequest) -> PushOut:
    """Push an event as WeChat does, signed and encrypted, to this service."""
    keys = push_keys()
    if keys is None:
        raise ApiError("not_found")
    sent = event(body)
    if body.event in message_events.OF_PERMISSIONS:  # the sandbox knows what it tells
        results = message_events.results_in(sent)
        sandbox(settings()).permit(keys.appid, str(sent["FromUserName"]), results)
    text = json.dumps(sent, ensure_ascii=False).encode()
    query, sealed = push.seal_push(keys, text)
    answer = current_app.test_client().post(
        "/wechat/push", query_string=query, data=sealed, buffered=True
    )
    return PushOut(answer.status_code, answer.get_data(as_text=True))


def event(body: PushRequest) -> dict[str, Any]:
    """Return the event that WeChat would send."""
    appid = settings().appid
    openid = body.openid
    if is_user_name(openid):
        openid = sandbox(settings()).openid(openid, appid)
    common = {
        "ToUserName": "gh_sandbox",
        "FromUserName": openid,
        "CreateTime": int(time.time()),
        "MsgType": "event",
        "Event": body.event,
    }
    if body.event in BY_OPENID:  # FromUserName is the platform's own account
        common |= {"FromUserName": "o" + "platform" * 3, "OpenID": openid, "AppID": appid}
    return {**common, **body.fields}
