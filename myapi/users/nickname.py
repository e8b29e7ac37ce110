"""Nicknames: which are blank, and which WeChat is asked about.

docs/decisions/0024-content-check.md says why.
"""

import re
from typing import NamedTuple

from myapi.extensions import settings, wechat
from myapi.users.accounts import Account
from myapi.web.errors import ApiError
from myapi.wechat import TextScene, WeChatError

CHECK_TIME = 1.5  # s

#: Unicode's format characters and spaces (Cf, Zs), what fonts must not show
#: (Default_Ignorable_Code_Point), and characters whose picture is empty, such as U+2800. Escapes
#: of five digits differ between Python and JSON Schema, so the last ones are the characters.
INVISIBLE = (
    r" \u00a0\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u1680"
    r"\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u202a-\u202f\u205f-\u206f\u2800\u3000\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U00016fe4\U0001bca0-\U0001bca3"
    "\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
#: The pattern of a blank nickname.
BLANK = rf"^[{INVISIBLE}]*$(?!\n)"

_blank = re.compile(BLANK)


class Doubt(NamedTuple):
    """Why a person should look at a nickname: WeChat's verdict, or why there is none."""

    outcome: str  # "review", or the error's name
    label: int | None = None
    errcode: int | None = None


def is_blank(nickname: str) -> bool:
    """Whether a nickname shows nothing."""
    return _blank.search(nickname) is not None


def check(account: Account, nickname: str | None) -> Doubt | None:
    """Ask WeChat about a new nickname, if MYAPI_CONTENT_CHECK is on. None: it is fine.

    Raises `content_risky`. An outage at WeChat raises nothing: it must not stop profiles.
    """
    if nickname is None or nickname == account.nickname or not settings().content_check:
        return None
    try:
        verdict = wechat().check_text(
            account.openid, nickname, TextScene.PROFILE, nickname=nickname, timeout=CHECK_TIME
        )
    except WeChatError as error:
        return Doubt(error.name, errcode=error.errcode)
    if verdict.suggest == "risky":
        raise ApiError("content_risky", reason=f"label {verdict.label}")
    return None if verdict.suggest == "pass" else Doubt(verdict.suggest, verdict.label)
