"""The messages that the caller permits."""

from flask import Blueprint

from myapi.db.transactions import reading
from myapi.extensions import sandbox, settings
from myapi.messages import ledger
from myapi.messages.schemas import PermissionsOut, PermissionsRequest
from myapi.web.access import caller
from myapi.web.endpoint import endpoint
from myapi.web.rate_limits import limit_user

bp = Blueprint("subscribe_messages", __name__, url_prefix="/api/me/messages")


@bp.post("")
@limit_user
@endpoint(body=PermissionsRequest, returns=PermissionsOut, errors=("rate_limited",))
def report(body: PermissionsRequest) -> PermissionsOut:
    """Report what I answered when the mini program asked to send me messages.

    Retries are safe: the same `id` counts once.
    """
    user_id = caller().user_id
    is_new = ledger.report(user_id, "by_phone", body.id, body.results.items())
    if is_new and settings().sandbox:  # nobody else tells it what was answered
        sandbox(settings()).permit(settings().appid, caller().openid, body.results.items())
    with reading() as connection:
        return PermissionsOut.of(ledger.permissions(connection, user_id))
