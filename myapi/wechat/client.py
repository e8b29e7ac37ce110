"""The client of WeChat's server API: one method a call, all of them through `call`."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TypeVar

from .errors import (
    ADVICE,
    BUSY,
    LOGIN,
    Errcodes,
    Misconfigured,
    Timeout,
    TooManyWaiting,
    WeChatError,
)
from .replies import Login, Reply, read_login, read_reply
from .transport import ANSWER_LIMIT, Transport

log = logging.getLogger("myapi.wechat")

#: Seconds before the one retry after errcode -1, "system busy".
RETRY_PAUSE = 0.1
#: Seconds to wait while `concurrency` calls wait for WeChat: workers get uneven shares of a storm.
PLACE_WAIT = 0.95

T = TypeVar("T")


class WeChatClient:
    """Calls WeChat for one mini program. Threads share it; so may processes, from before a fork.

    >>> login = WeChatClient("wx0123456789abcdef", secret).code_to_session(code)
    """

    appid: str

    def __init__(
        self,
        appid: str,
        secret: str,
        *,
        base_url: str = "https://api.weixin.qq.com",
        timeout: float = 3.0,
        concurrency: int = 500,
        bounded: Callable[[float], AbstractContextManager[None]] = lambda seconds: nullcontext(),
        on_call: Callable[[str, float], None] = lambda outcome, seconds: None,
    ) -> None:
        """Prepare to call; no connection is opened yet.

        `concurrency` is how many calls may wait at once. `timeout` bounds each single wait in
        seconds, and the whole call, its retry included, where `bounded(timeout)` gives a context
        manager that raises TimeoutError when the time is up; the default does nothing.
        `on_call` gets the outcome of each call ("ok" or the error's name) and its seconds.
        Raises ValueError for a bound or a URL that makes no sense.
        """
        if timeout <= 0 or concurrency < 1:
            raise ValueError("timeout must be above 0, concurrency at least 1")
        self.appid = appid
        self._secret = secret
        self._timeout = timeout
        self._concurrency = concurrency
        self._places = threading.BoundedSemaphore(concurrency)
        self._bounded = bounded
        self._on_call = on_call
        self._transport = Transport(base_url, timeout=timeout, connections=concurrency)

    def __repr__(self) -> str:
        return f"WeChatClient({self.appid!r})"

    def code_to_session(self, code: str) -> Login:
        """Exchange a code from wx.login, which works once. Raises a WeChatError.

        Source: code2Session, GET /sns/jscode2session.
        """
        query = {
            "appid": self.appid,
            "secret": self._secret,
            "js_code": code,
            "grant_type": "authorization_code",
        }
        path = "/sns/jscode2session"
        return self.call("GET", path, query=query, errcodes=LOGIN, read=read_login, hide=[code])

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        json: Mapping[str, object] | None = None,
        errcodes: Errcodes,
        read: Callable[[Reply], T],
        hide: Iterable[str] = (),
        limit: int = ANSWER_LIMIT,
    ) -> T:
        """Make one call and return what `read` makes of the answer. Raises a WeChatError.

        `errcodes` says what an errcode means for this call. `read` checks the types of the
        answer, and raises Unavailable if it is unusable; `dict` takes it as it is. `hide` are the
        secrets of the request besides the AppSecret: an errmsg that repeats one is masked.
        If `concurrency` calls wait already, it waits up to PLACE_WAIT, then raises TooManyWaiting.
        """
        secrets = (self._secret, *hide)

        def ask() -> T:
            answer = self._transport.exchange(method, path, query=query, body=json, limit=limit)
            return read(read_reply(answer, errcodes, hide=secrets))

        if not self._places.acquire(timeout=PLACE_WAIT):
            self._on_call(TooManyWaiting.name, 0.0)
            raise TooManyWaiting(f"{self._concurrency} calls wait for WeChat")
        started = time.monotonic()
        try:
            result = self._in_time(ask)
        except WeChatError as error:
            self._report(path, error, time.monotonic() - started)
            raise
        finally:
            self._places.release()
        self._on_call("ok", time.monotonic() - started)
        return result

    def close(self) -> None:
        """Close the connections that are kept. A later call opens new ones."""
        self._transport.close()

    def _in_time(self, ask: Callable[[], T]) -> T:
        with suppress(TimeoutError), self._bounded(self._timeout):
            return _again_if_busy(ask)
        # Out here: an exception raised by the bound holds the frames that it broke off.
        raise Timeout("the call has used up its time")

    def _report(self, path: str, error: WeChatError, seconds: float) -> None:
        misconfigured = isinstance(error, Misconfigured)
        advice = ADVICE.get(error.errcode or 0) if misconfigured else None
        log.log(
            logging.ERROR if misconfigured else logging.WARNING,
            "WeChat's %s failed: %s%s",
            path,
            error,
            f". What to do: {advice}" if advice else "",
            extra={
                "event": "wechat_failed",
                "outcome": error.name,
                "errcode": error.errcode,
                "ms": round(seconds * 1000, 1),
            },
        )
        self._on_call(error.name, seconds)


def _again_if_busy(ask: Callable[[], T]) -> T:
    """Ask once more after errcode -1. All else is final: codes work once, messages are sent."""
    try:
        return ask()
    except WeChatError as error:
        if error.errcode != BUSY:
            raise
    time.sleep(RETRY_PAUSE)
    return ask()
