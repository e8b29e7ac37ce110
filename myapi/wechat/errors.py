"""What can go wrong with WeChat: a small family, one class an answer to the phone.

`name` is the stable name of the error in the API's registry. `detail` is for logs alone: it holds
an errmsg or an exception's class name, and never a secret, a code or a session_key.
"""

# ruff: noqa: N818 - they are named for what happened, and their base ends in Error.

from typing import ClassVar


class WeChatError(Exception):
    """A call to WeChat that failed. Catch this one for them all."""

    #: The name in the API's registry of errors.
    name: ClassVar[str] = "wechat_unavailable"
    #: Whether WeChat may have done what it was asked: its answer was lost, or made no sense.
    undecided = False

    def __init__(
        self, detail: str = "", errcode: int | None = None, rid: str | None = None
    ) -> None:
        """`errcode` and `rid`, the id by which WeChat finds the request, are WeChat's own."""
        super().__init__(detail, errcode)
        self.detail = detail
        self.errcode = errcode
        self.rid = rid

    def __str__(self) -> str:
        code = "" if self.errcode is None else f" (errcode {self.errcode})"
        return f"{self.name}{code}: {self.detail}"


class CodeInvalid(WeChatError):
    """The code is wrong, missing or too old: the phone needs a fresh one from wx.login."""

    name = "login_code_invalid"


class CodeUsed(CodeInvalid):
    """The code was good, and has been exchanged before: perhaps by a request that was resent."""


class PhoneCodeInvalid(WeChatError):
    """The code of a phone number is wrong, used, too old, or of another user or mini program."""

    name = "phone_code_invalid"


class NotPermitted(WeChatError):
    """The user has not permitted a message of this template, or one was sent already."""

    name = "message_not_permitted"


class MessageInvalid(WeChatError):
    """WeChat refuses what a message says, its template, or its page."""

    name = "message_invalid"


class UserBlocked(WeChatError):
    """WeChat itself holds this user for a risk."""

    name = "wechat_blocked_user"


class QuotaExceeded(WeChatError):
    """WeChat's own limit, by the minute or by the day."""

    name = "rate_limited"


class Misconfigured(WeChatError):
    """The AppID, its secret or the list of allowed addresses: only the operator can mend it."""

    name = "wechat_misconfigured"


class LinksForbidden(Misconfigured):
    """The mini program may not make links: a personal account, or one that WeChat has banned."""


class Unavailable(WeChatError):
    """Busy even after the retry, no connection, or an answer that cannot be used."""

    name = "wechat_unavailable"


class TokenRefused(Unavailable):
    """The access_token is dead: the call is made again with another one."""


class UserAway(Unavailable):
    """WeChat judges no text of a user who has not been in the mini program for two hours."""


class Timeout(WeChatError):
    """No whole answer within the time that a call may take."""

    name = "wechat_timeout"


class TooManyWaiting(WeChatError):
    """As many calls wait for WeChat as may."""

    name = "service_unavailable"
