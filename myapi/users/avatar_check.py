"""WeChat judges uploaded pictures: it is asked at once, and its verdict is pushed later.

docs/decisions/0024-content-check.md says why.
"""

import logging
from typing import Any

from sqlalchemy import select, update

from myapi import audit
from myapi.db.transactions import Transaction, transaction
from myapi.extensions import settings, wechat
from myapi.users import accounts, avatar
from myapi.users.accounts import UserRow
from myapi.users.models import Avatar, User
from myapi.wechat import WeChatError

ASK_TIME = 1.5  # s


def ask(user: UserRow) -> None:
    """Ask WeChat to judge a picture that was just uploaded, if pictures are checked.

    An outage at WeChat raises nothing: it must not stop uploads. The log has it, for a person to
    look at the picture.
    """
    url = avatar.url_of(user.avatar_url)
    if not settings().checks_pictures or url is None or user.avatar_url is None:
        return
    try:
        trace_id = wechat().check_picture(user.openid, url, timeout=ASK_TIME)
    except WeChatError as error:
        fields = {"user": user.public_id, "outcome": error.name, "errcode": error.errcode}
        audit.log_now("avatar_review", level=logging.WARNING, **fields)
    else:
        _note(user.avatar_url.removeprefix(avatar.PREFIX), trace_id)


@transaction
def judged(tx: Transaction, trace_id: str, suggest: str, label: int) -> bool:
    """Carry out a verdict: a risky picture is deleted. False if no picture has this trace_id.

    That may be as it should: it was replaced meanwhile, or a team's own code had it judged.
    """
    if not trace_id.isascii():
        return False
    of_picture = select(Avatar.user_id).where(Avatar.trace_id == trace_id)
    user_id = tx.scalar(of_picture)
    user = None if user_id is None else accounts.lock(tx, user_id)
    # Asked again: until the user was locked, an upload could take its place.
    if user is None or tx.scalar(of_picture) is None:
        return False
    verdict: dict[str, Any] = {"outcome": suggest, "label": label}
    if suggest == "risky":
        avatar.discard(tx, user.id)
        tx.execute(update(User).where(User.id == user.id).values(avatar_url=None))
        audit.record(tx, "avatar_removed", level=logging.WARNING, user=user.public_id, **verdict)
    elif suggest != "pass":
        audit.log_after_commit(
            tx, "avatar_review", level=logging.WARNING, user=user.public_id, **verdict
        )
    return True


@transaction
def _note(tx: Transaction, name: str, trace_id: str) -> None:
    tx.execute(update(Avatar).where(Avatar.name == name).values(trace_id=trace_id))
