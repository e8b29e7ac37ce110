"""WeChat's routes: which function answers which path."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from . import links, pushes, wxacode
from .errcodes import error_reply
from .faults import Reply
from .state import Sandbox

#: JSON, or a whole HTTP answer where it is a picture.
Answer = dict[str, object] | Reply

_OK = {"errcode": 0, "errmsg": "ok"}


@dataclass(frozen=True)
class Call:
    """A request to one of WeChat's routes."""

    method: str
    path: str
    query: str
    body: bytes

    def parameter(self, name: str) -> str:
        """Return a parameter of the query, "" if it is missing."""
        return parse_qs(self.query).get(name, [""])[0]

    def json(self) -> dict[str, Any] | None:
        """Return the body, None if it is no JSON object."""
        try:
            body = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return body if isinstance(body, dict) else None

    @property
    def forces_refresh(self) -> bool:
        """Whether a stable_token call asks for a forced refresh."""
        return (self.json() or {}).get("force_refresh") is True


class Route(NamedTuple):
    """`takes_token`: the call carries an access_token."""

    method: str
    answer: Callable[[Sandbox, Call], Answer]
    takes_token: bool = False


def code_to_session(sandbox: Sandbox, call: Call) -> Answer:
    return sandbox.exchange(
        *(call.parameter(name) for name in ("appid", "secret", "js_code", "grant_type"))
    )


def stable_token(sandbox: Sandbox, call: Call) -> Answer:
    body = call.json()
    if body is None:
        return error_reply(47001)
    appid, secret, grant_type = (
        str(body.get(name) or "") for name in ("appid", "secret", "grant_type")
    )
    return sandbox.stable_token(appid, secret, grant_type, force_refresh=call.forces_refresh)


def phone_number(sandbox: Sandbox, call: Call) -> Answer:
    body = call.json() or {}
    code = body.get("code")
    return sandbox.phone_number(
        call.parameter("access_token"),
        code if isinstance(code, str) else None,
        str(body.get("openid") or ""),
    )


def check_text(sandbox: Sandbox, call: Call) -> Answer:
    return sandbox.check_text(call.parameter("access_token"), call.json())


def check_media(sandbox: Sandbox, call: Call) -> Answer:
    body = call.json()
    answer, event = sandbox.check_media(call.parameter("access_token"), body)
    if body is not None and event is not None:
        pushes.push_later(body["media_url"], event)
    return answer


def mini_program_code(sandbox: Sandbox, call: Call) -> Answer:
    body = call.json()
    errcode = _token_errcode(sandbox, call) or wxacode.body_errcode(body)
    return error_reply(errcode) if errcode or body is None else wxacode.draw(body)


def url_link(sandbox: Sandbox, call: Call) -> Answer:
    body = call.json()
    errcode = _token_errcode(sandbox, call) or links.body_errcode(body, body)
    return error_reply(errcode) if errcode else {**_OK, "url_link": links.url_link()}


def url_scheme(sandbox: Sandbox, call: Call) -> Answer:
    body = call.json()
    opens = (body or {}).get("jump_wxa", {})
    errcode = _token_errcode(sandbox, call) or links.body_errcode(body, opens)
    return error_reply(errcode) if errcode else {**_OK, "openlink": links.scheme()}


def _token_errcode(sandbox: Sandbox, call: Call) -> int:
    return sandbox.token_errcode(call.parameter("access_token"))


ROUTES = {
    "/sns/jscode2session": Route("GET", code_to_session),
    "/cgi-bin/stable_token": Route("POST", stable_token),
    "/wxa/business/getuserphonenumber": Route("POST", phone_number, takes_token=True),
    "/wxa/msg_sec_check": Route("POST", check_text, takes_token=True),
    "/wxa/media_check_async": Route("POST", check_media, takes_token=True),
    "/wxa/getwxacodeunlimit": Route("POST", mini_program_code, takes_token=True),
    "/wxa/generate_urllink": Route("POST", url_link, takes_token=True),
    "/wxa/generatescheme": Route("POST", url_scheme, takes_token=True),
}


def take_fault(sandbox: Sandbox, call: Call) -> str | None:
    """Count a call and return the kind of its fault, None if it has none."""
    sandbox.count_call(call.path, forced=call.forces_refresh)
    carries_token = ROUTES[call.path].takes_token and bool(call.parameter("access_token"))
    return sandbox.take_fault(carries_token=carries_token)


def answer(sandbox: Sandbox, call: Call) -> Answer:
    """Answer a call that has no fault."""
    route = ROUTES[call.path]
    if call.method != route.method:
        return error_reply(43001 if route.method == "GET" else 43002)
    return route.answer(sandbox, call)
