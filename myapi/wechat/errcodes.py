"""What WeChat's errcodes mean, call by call: one number may mean different things in two calls."""

from collections.abc import Mapping

from .errors import (
    CodeInvalid,
    CodeUsed,
    LinksForbidden,
    MessageInvalid,
    Misconfigured,
    NotPermitted,
    PhoneCodeInvalid,
    QuotaExceeded,
    TokenRefused,
    Unavailable,
    UserAway,
    UserBlocked,
    WeChatError,
)

#: errcode → what it means for one call. One that is not in it is Unavailable.
Errcodes = Mapping[int, type[WeChatError]]

#: "System busy": the one errcode after which a call is made again.
BUSY = -1

#: What an errcode means in every call, unless the call's own table says otherwise.
COMMON: Errcodes = {
    BUSY: Unavailable,
    40001: TokenRefused,  # wrong, or not the newest
    40013: Misconfigured,  # AppID
    40014: TokenRefused,  # wrong
    40125: Misconfigured,  # secret
    40164: Misconfigured,  # this server's address is not on the list
    40243: Misconfigured,  # secret frozen
    42001: TokenRefused,  # too old
    44990: QuotaExceeded,  # by the second
    44991: QuotaExceeded,  # by the minute
    44993: QuotaExceeded,  # by the day
    45009: QuotaExceeded,  # by the day
    45011: QuotaExceeded,  # by the minute
    48001: Misconfigured,  # this mini program has not been granted the call
    48004: Misconfigured,  # the call is forbidden to it
    50002: Misconfigured,  # it is restricted
    89503: Misconfigured,  # an administrator has yet to approve this server's address
    89506: Misconfigured,  # … has refused it twice, for 24 hours
    89507: Misconfigured,  # … has refused it, for an hour
}

#: code2Session. 40163 is returned, though its page does not list it.
LOGIN: Errcodes = {
    **COMMON,
    40002: Misconfigured,  # grant_type
    40029: CodeInvalid,
    40163: CodeUsed,
    40226: UserBlocked,
    41002: Misconfigured,  # AppID missing
    41004: Misconfigured,  # secret missing
    41008: CodeInvalid,  # code missing
}

#: stable_token. Here 40001 is about the secret.
TOKEN: Errcodes = {
    **COMMON,
    40001: Misconfigured,  # secret
    40002: Misconfigured,  # grant_type
    41002: Misconfigured,  # AppID missing
    41004: Misconfigured,  # secret missing
}

#: getuserphonenumber. Its openid is ours, so what it says about an openid is about the code.
PHONE: Errcodes = {
    **COMMON,
    40003: PhoneCodeInvalid,  # of another user
    40013: PhoneCodeInvalid,  # of another AppID
    40029: PhoneCodeInvalid,  # wrong, used, too old, or a code of wx.login
}

#: msg_sec_check.
TEXT: Errcodes = {
    **COMMON,
    40003: Unavailable,  # no openid
    40129: Unavailable,  # no such scene
    43104: Unavailable,  # an openid of another AppID
    47001: Unavailable,  # a field is missing, or too long
    61010: UserAway,  # "code is expired", it says
}

#: media_check_async.
MEDIA: Errcodes = {
    **TEXT,
    40004: Unavailable,  # no picture of a kind that it knows
    87020: QuotaExceeded,  # the same picture too often
}

#: subscribeMessage.send.
MESSAGE: Errcodes = {
    **COMMON,
    40003: NotPermitted,  # no such user
    40037: MessageInvalid,  # no such template
    41030: MessageInvalid,  # no such page
    43101: NotPermitted,
    43107: Misconfigured,  # this mini program may send no messages any more
    43104: NotPermitted,  # a user of another mini program
    43108: Unavailable,  # another message is being sent to this user
    45168: MessageInvalid,  # a word that WeChat forbids
    47003: MessageInvalid,  # a value breaks the rule of its kind
}

#: getwxacodeunlimit.
CODE: Errcodes = {
    **COMMON,
    40097: Unavailable,  # an argument is wrong
    40129: Unavailable,  # the scene
    40169: Unavailable,  # the scene
    41030: Misconfigured,  # the page is not in the released version
    47001: Unavailable,  # not JSON
    85096: Unavailable,  # scancode_time is reserved
}

#: generate_urllink and generatescheme. Here 40002 and 40013 are about the right to make links.
LINK: Errcodes = {
    **COMMON,
    40002: LinksForbidden,  # none
    40013: LinksForbidden,  # banned
    40165: Misconfigured,  # the path is not in the released version
    40212: Unavailable,  # the query
    47001: Unavailable,  # not JSON
    85079: Misconfigured,  # no version is released
    85401: Unavailable,  # the end is less than a minute or more than 30 days away
    85402: Unavailable,  # env_version
    85406: QuotaExceeded,  # opened too often, by the day
    85407: LinksForbidden,  # none
    85408: LinksForbidden,  # banned
}

#: What the operator can do about it, by errcode.
ADVICE: dict[int, str] = {
    40001: "the AppSecret does not belong to this AppID: compare, or reset it in the console",
    40013: "the AppID is not that of a mini program: compare it with the console, 开发设置",
    40125: "the AppSecret does not belong to this AppID: compare, or reset it in the console",
    40243: "the AppSecret is frozen: unfreeze it in the console, 开发设置",
    40164: "the address of this server is not on the console's IP list (IP白名单)",
    40165: "the path is no page of the released version: correct it, or release that page",
    41002: "the AppID is empty",
    41004: "the AppSecret is empty",
    41030: "the page is not in the released version: correct it, release it, or check no path",
    43107: "WeChat has taken the right to send messages: see the console's messages",
    48001: "this mini program has no right to this call: see the console",
    48004: "WeChat forbids this call to the mini program: see the console's messages",
    50002: "WeChat restricts this mini program: see the console's messages",
    85079: "no version of the mini program is released: release one first",
    89503: "an administrator has to approve the address of this server on the phone",
    89506: "an administrator refused the address of this server twice: wait 24 hours",
    89507: "an administrator refused the address of this server: wait an hour",
}

LINKS_FORBIDDEN = (
    "this mini program may not make links: one of a person never may, and WeChat may have banned"
    " another: see the console's messages"
)


def advice_on(error: WeChatError) -> str | None:
    """Return what the operator can do. Errcodes mean what the call means by them."""
    if isinstance(error, LinksForbidden):
        return LINKS_FORBIDDEN
    return ADVICE.get(error.errcode or 0)
