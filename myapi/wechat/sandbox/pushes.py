"""The sandbox judges pictures, and pushes events as WeChat does."""

import json
import threading
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from ..push import PushKeys, seal_push
from .content import WORDS

#: With which the sandbox signs its pushes, and a service that uses it verifies them.
TOKEN, AES_KEY = "sandbox", "sandbox0" * 5 + "abc"

#: Seconds until it has judged a picture, and until it tells that a message was sent.
JUDGES_FOR, TELLS_AFTER = 1.0, 0.2
#: It pushes up to three times, as WeChat does.
ATTEMPTS, PAUSE = 3, 1.0


def verdict_on(name: str) -> tuple[str, int]:
    """Return verdict and label of a picture: by the words in the name of its user."""
    return next((verdict for word, verdict in WORDS.items() if word in name), ("pass", 100))


def media_event(appid: str, trace_id: str, verdict: tuple[str, int]) -> dict[str, Any]:
    """Return the event that has the verdict on a picture."""
    suggest, label = verdict
    detail = {"strategy": "content_model", "errcode": 0, "suggest": suggest, "label": label}
    return {
        "ToUserName": "gh_sandbox",
        "FromUserName": "o" + "platform" * 3,
        "CreateTime": int(time.time()),
        "MsgType": "event",
        "Event": "wxa_media_check",
        "appid": appid,
        "trace_id": trace_id,
        "version": 2,
        "errcode": 0,
        "errmsg": "ok",
        "result": {"suggest": suggest, "label": label},
        "detail": [{**detail, "prob": 90}],
    }


def push_later(url_of_service: str, appid: str, event: dict[str, Any], seconds: float) -> None:
    """Push an event after some time. Of the URL its path does not count."""

    def push() -> None:
        query, body = seal_push(PushKeys(appid, TOKEN, AES_KEY), json.dumps(event).encode())
        origin = urlsplit(url_of_service)
        url = f"{origin.scheme}://{origin.netloc}/wechat/push?{urlencode(query)}"
        for _ in range(ATTEMPTS):
            with suppress(OSError, ValueError):  # no service is there, or it has no time
                urlopen(Request(url, body), timeout=5).close()  # noqa: S310 - http, in development
                return
            time.sleep(PAUSE)

    timer = threading.Timer(seconds, push)
    timer.daemon = True
    timer.start()
