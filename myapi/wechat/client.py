"""The client of WeChat's server API: one method a call. `Caller.call` makes any other."""

import time
from collections.abc import Mapping
from datetime import datetime

from .caller import Caller
from .codes import GET_CODE, PICTURE_LIMIT, Color, EnvVersion, code_request, is_picture
from .content import (
    CHECK_MEDIA,
    CHECK_TEXT,
    PICTURE,
    TextScene,
    TextVerdict,
    pieces,
    read_trace_id,
    read_verdict,
    worst,
)
from .errcodes import CODE, LINK, LOGIN, MEDIA, MESSAGE, PHONE, TEXT
from .links import (
    GENERATE_SCHEME,
    GENERATE_URL_LINK,
    expiry,
    read_scheme,
    read_url_link,
    target,
)
from .replies import Login, read_login, read_msgid, read_phone


class WeChatClient(Caller):
    """The calls that myapi makes.

    >>> login = WeChatClient("wx0123456789abcdef", secret).code_to_session(code)
    """

    def code_to_session(self, code: str) -> Login:
        """Exchange a code from wx.login, which works once. Raises a WeChatError.

        Source: code2Session, GET /sns/jscode2session.
        """
        return self.call_with_secret(
            "/sns/jscode2session",
            query={"js_code": code, "grant_type": "authorization_code"},
            errcodes=LOGIN,
            read=read_login,
            hide=[code],
        )

    def phone_number(self, code: str, openid: str) -> str:
        """Exchange the code of a getPhoneNumber button, which works once. Raises a WeChatError.

        Returns digits, such as "13800138000"; a number abroad begins with + and the country code.
        WeChat checks that the code was given to this user.
        Source: getuserphonenumber, POST /wxa/business/getuserphonenumber.
        """
        return self.call(
            "POST",
            "/wxa/business/getuserphonenumber",
            json={"code": code, "openid": openid},
            errcodes=PHONE,
            read=read_phone(self.appid),
            hide=[code, openid],
        )

    def check_text(
        self,
        openid: str,
        text: str,
        scene: TextScene,
        *,
        title: str = "",
        nickname: str = "",
        signature: str = "",
        timeout: float | None = None,
    ) -> TextVerdict:
        """Ask what WeChat thinks of a text that a user wrote. Raises a WeChatError.

        The user must have been in the mini program within two hours. `title`, `nickname` and
        `signature` stand beside the text; WeChat reads a signature in scene PROFILE alone.
        A text of more than 2 500 characters takes one call for each 2 400; its verdict is the worst
        one. All of it takes `timeout` seconds at most; the default is the client's.
        Raises ValueError for an empty text.
        Source: msgSecCheck version 2, POST /wxa/msg_sec_check.
        """
        if not text:
            raise ValueError("there is no text to check")
        beside = {"title": title, "nickname": nickname, "signature": signature}
        given = {name: value for name, value in beside.items() if value}
        asked = {"version": 2, "openid": openid, "scene": TextScene(scene), **given}
        end = time.monotonic() + (timeout or self.timeout)
        verdicts: list[TextVerdict] = []
        for content in pieces(text):
            verdict = self.call(
                "POST",
                CHECK_TEXT,
                json={**asked, "content": content},
                errcodes=TEXT,
                read=read_verdict,
                hide=[openid, content, *given.values()],
                timeout=end - time.monotonic(),
            )
            verdicts.append(verdict)
            if verdict.suggest == "risky":
                break
        return worst(verdicts)

    def check_picture(self, openid: str, url: str, *, timeout: float | None = None) -> str:
        """Ask WeChat to judge a picture of a user's profile; return the trace_id of its verdict.

        WeChat fetches `url` itself, and pushes `wxa_media_check` within 30 minutes. The user must
        have been in the mini program within two hours. Raises a WeChatError.
        Source: mediaCheckAsync version 2, POST /wxa/media_check_async.
        """
        return self.call(
            "POST",
            CHECK_MEDIA,
            json={
                "version": 2,
                "media_type": PICTURE,
                "scene": TextScene.PROFILE,
                "openid": openid,
                "media_url": url,
            },
            errcodes=MEDIA,
            read=read_trace_id,
            hide=[openid, url],
            timeout=timeout,
        )

    def send_message(
        self,
        openid: str,
        template_id: str,
        data: Mapping[str, str],
        *,
        page: str | None = None,
        miniprogram_state: str = "formal",
        lang: str = "zh_CN",
    ) -> str | None:
        """Send a subscribe message; return its msgid, which `subscribe_msg_sent_event` repeats.

        It uses up a permission of the user, and counts none: `myapi.extend.send_message` does, and
        sends one at a time to a user, as WeChat demands. Raises a WeChatError.
        Source: subscribeMessage.send, POST /cgi-bin/message/subscribe/send.
        """
        given = {} if page is None else {"page": page}
        return self.call(
            "POST",
            "/cgi-bin/message/subscribe/send",
            json={
                "touser": openid,
                "template_id": template_id,
                "data": {name: {"value": value} for name, value in data.items()},
                "miniprogram_state": miniprogram_state,
                "lang": lang,
                **given,
            },
            errcodes=MESSAGE,
            read=read_msgid,
            # A value of one or two characters tells nothing, and would mask names in the errmsg.
            hide=[openid, *(value for value in data.values() if len(value) > 2), *given.values()],
        )

    def mini_program_code(
        self,
        scene: str,
        page: str | None = None,
        *,
        check_path: bool = True,
        env_version: EnvVersion = "release",
        width: int = 430,
        auto_color: bool = False,
        line_color: Color | None = None,
        is_hyaline: bool = False,
    ) -> bytes:
        """Return the picture of a code that opens `page`, by default the home page, with `scene`.

        A JPEG, or a PNG with a transparent background if `is_hyaline`. It works for ever: keep it.
        `scene` is 1 to 32 ASCII letters, digits and !#$&'()*+,/:;=?@-._~; `page` is a path such as
        "pages/index/index", which the released version has unless `check_path` is False. `width`
        is 280 to 1280 px. `line_color` is (red, green, blue); with `auto_color` WeChat chooses.
        Raises ValueError for arguments that WeChat would refuse, without a call, and a WeChatError.
        Source: getUnlimitedQRCode, POST /wxa/getwxacodeunlimit.
        """
        return self.call_for_file(
            GET_CODE,
            json=code_request(
                scene,
                page,
                check_path=check_path,
                env_version=env_version,
                width=width,
                auto_color=auto_color,
                line_color=line_color,
                is_hyaline=is_hyaline,
            ),
            errcodes=CODE,
            is_file=is_picture,
            hide=[scene],
            limit=PICTURE_LIMIT,
        )

    def url_link(
        self,
        path: str | None = None,
        query: str | None = None,
        *,
        days: int | None = None,
        until: datetime | None = None,
        env_version: EnvVersion = "release",
    ) -> str:
        """Return an https:// link that opens `path`, by default the home page, with `query`.

        It lives for `days`, 1 to 30, or until an aware datetime from 1 minute to 30 days ahead;
        without either for 30 days. `query` is at most 1 024 characters, percent-encoded.
        Raises ValueError for arguments that WeChat would refuse, without a call, and a WeChatError.
        Source: generateUrlLink, POST /wxa/generate_urllink.
        """
        return self.call(
            "POST",
            GENERATE_URL_LINK,
            json={**target(path, query, env_version), **expiry(days, until)},
            errcodes=LINK,
            read=read_url_link,
            hide=[query or ""],
        )

    def url_scheme(
        self,
        path: str | None = None,
        query: str | None = None,
        *,
        days: int | None = None,
        until: datetime | None = None,
        env_version: EnvVersion = "release",
    ) -> str:
        """Return a weixin:// link, which phones open without a web page. All else as `url_link`.

        Source: generateScheme, POST /wxa/generatescheme.
        """
        opens, ends = target(path, query, env_version), expiry(days, until)
        return self.call(
            "POST",
            GENERATE_SCHEME,
            # WeChat's table has no is_expire any more, but its text and its sample have.
            json={"jump_wxa": opens, "is_expire": True, **ends},
            errcodes=LINK,
            read=read_scheme,
            hide=[query or ""],
        )
