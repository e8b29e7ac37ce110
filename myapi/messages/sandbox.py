"""Only in development: send a subscribe message to oneself."""

from typing import Annotated

from flask import Blueprint
from msgspec import Meta, Struct

from myapi.db.transactions import reading
from myapi.messages import ledger, sending
from myapi.messages.models import STATES
from myapi.messages.schemas import TemplateId
from myapi.web.access import caller
from myapi.web.endpoint import endpoint
from myapi.web.rate_limits import limit_user

bp = Blueprint("sandbox_messages", __name__, url_prefix="/sandbox/messages")


class MessageRequest(Struct):
    template_id: TemplateId
    data: Annotated[
        dict[str, str],
        Meta(
            description="The values of the template, by name.",
            examples=[{"thing1": "奶茶", "date2": "2026-01-31 08:30"}],
        ),
    ]
    page: Annotated[
        str | None,
        Meta(description="Opened by a tap on the message.", examples=["pages/home/home"]),
    ] = None


class MessageOut(Struct):
    id: Annotated[str, Meta(examples=["1"], description="The id of the message.")]
    state: Annotated[str, Meta(examples=["sent"], description=f"One of {', '.join(STATES)}.")]
    left: Annotated[
        int, Meta(description="How many messages of this template you still permit.", examples=[0])
    ]


@bp.post("")
@limit_user
@endpoint(
    body=MessageRequest,
    returns=MessageOut,
    errors=(
        "message_invalid",
        "message_not_permitted",
        "rate_limited",
        "wechat_misconfigured",
        "wechat_unavailable",
        "wechat_timeout",
        "service_unavailable",
    ),
)
def send(body: MessageRequest) -> MessageOut:
    """Send me a subscribe message, as your own code does with `send_message`."""
    user_id = caller().user_id
    sent = sending.send_message(user_id, body.template_id, body.data, page=body.page)
    with reading() as connection:
        left = dict(ledger.permissions(connection, user_id))
    return MessageOut(str(sent.id), sent.state, left.get(body.template_id, 0))
