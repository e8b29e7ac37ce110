"""Calls to WeChat's server API: their place, their time, their retry, their errors in the log."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TypeVar

from .access_token import AccessToken
from .errcodes import BUSY, COMMON, TOKEN, Errcodes, advice_on
from .errors import (
    Misconfigured,
    NotPermitted,
    Timeout,
    TokenRefused,
    TooManyWaiting,
    Unavailable,
    WeChatError,
)
from .replies import Reply, read_reply, read_token
from .token_row import Fetched, MemoryTokenStore, TokenStore
from .transport import ANSWER_LIMIT, Transport

log = logging.getLogger("myapi.wechat")

#: Seconds before the one retry after errcode -1, "system busy".
RETRY_PAUSE = 0.1
#: Seconds to wait while `concurrency` calls wait for WeChat: workers get uneven shares of a storm.
PLACE_WAIT = 0.95

T = TypeVar("T")


class Caller:
    """Calls WeChat for one mini program. Threads share it; so may processes, from before a fork."""

    appid: str
    timeout: float  # of a call, in seconds

    def __init__(
        self,
        appid: str,
        secret: str,
        *,
        base_url: str = "https://api.weixin.qq.com",
        timeout: float = 3.0,
        concurrency: int = 500,
        token_store: TokenStore | None = None,
        bounded: Callable[[float], AbstractContextManager[None]] = lambda seconds: nullcontext(),
        on_call: Callable[[str, float], None] = lambda outcome, seconds: None,
    ) -> None:
        """Prepare to call; no connection is opened yet.

        `token_store` keeps the access_token that all processes share; the default is this process.
        `concurrency` is how many calls may wait at once. `timeout` bounds each single wait in
        seconds, and the whole call, its retry included, where `bounded(seconds)` gives a context
        manager that raises TimeoutError when the time is up; the default does nothing.
        `on_call` gets the outcome of each call ("ok" or the error's name) and its seconds.
        Raises ValueError for a bound or a URL that makes no sense.
        """
        if timeout <= 0 or concurrency < 1:
            raise ValueError("timeout must be above 0, concurrency at least 1")
        self.appid = appid
        self._secret = secret
        self.timeout = timeout
        self._concurrency = concurrency
        self._places = threading.BoundedSemaphore(concurrency)
        self._bounded = bounded
        self._on_call = on_call
        self._transport = Transport(base_url, timeout=timeout, connections=concurrency)
        store = MemoryTokenStore() if token_store is None else token_store
        self._access_token = AccessToken(store, self._fetch_token, patience=timeout)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.appid!r})"

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        json: Mapping[str, object] | None = None,
        errcodes: Errcodes = COMMON,
        read: Callable[[Reply], T] = dict,  # type: ignore[assignment]  # then T is Reply
        hide: Iterable[str] = (),
        limit: int = ANSWER_LIMIT,
        timeout: float | None = None,
    ) -> T:
        """Make one call with the access_token, and return what `read` makes of the answer.

        `json` is sent as it is, in UTF-8. `errcodes` says what an errcode means for this call.
        `read` checks the types of the answer, and raises Unavailable if it is unusable; the default
        takes any object. `hide` are the secrets of the request besides token and AppSecret: an
        errmsg that repeats one is masked. `limit` is the size of the answer in bytes.
        The call is made once more if WeChat is busy, or with another token if it refuses this one.
        All of it takes `timeout` seconds at most, the wait for a place included; the client's own
        time-out bounds it in any case. Raises a WeChatError.
        """
        is_asking = False  # between a request that WeChat may have got, and its answer

        def ask(token: str) -> T:
            nonlocal is_asking
            asked = {"access_token": token, **(query or {})}
            secrets = [token, *hide]
            is_asking = True
            try:
                result = self._ask(
                    method, path, asked, json, errcodes, read, secrets, limit, timeout
                )
            except WeChatError as error:
                is_asking = error.errcode is None
                raise
            is_asking = False
            return result

        try:
            return self._in_turn(path, lambda: self._with_token(ask), timeout)
        except WeChatError as error:
            error.undecided = is_asking and self._transport.was_connected()
            raise

    def call_for_file(
        self,
        path: str,
        *,
        json: Mapping[str, object],
        errcodes: Errcodes,
        is_file: Callable[[bytes], bool],
        hide: Iterable[str] = (),
        limit: int,
    ) -> bytes:
        """Make a POST call that is answered with a file; otherwise it is as `call`.

        Only the bytes tell a file from an error, which is JSON: the Content-Type may be wrong.
        Raises Unavailable for an answer that is neither.
        """

        def ask(token: str) -> bytes:
            asked = {"access_token": token}
            answer = self._transport.exchange("POST", path, query=asked, body=json, limit=limit)
            if is_file(answer):
                return answer
            if len(answer) <= ANSWER_LIMIT:
                read_reply(answer, errcodes, hide=(self._secret, token, *hide))
            raise Unavailable("neither a file nor an error")

        return self._in_turn(path, lambda: self._with_token(ask))

    def call_with_secret(
        self,
        path: str,
        *,
        query: Mapping[str, str],
        errcodes: Errcodes,
        read: Callable[[Reply], T],
        hide: Iterable[str],
    ) -> T:
        """Make a GET call that takes AppID and AppSecret; otherwise it is as `call`."""
        asked = {"appid": self.appid, "secret": self._secret, **query}

        def ask() -> T:
            return self._ask("GET", path, asked, None, errcodes, read, hide)

        return self._in_turn(path, lambda: _twice_if_busy(ask))

    def close(self) -> None:
        """Close the connections that are kept. A later call opens new ones."""
        self._transport.close()

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, object] | None,
        errcodes: Errcodes,
        read: Callable[[Reply], T],
        hide: Iterable[str],
        limit: int = ANSWER_LIMIT,
        timeout: float | None = None,
    ) -> T:
        answer = self._transport.exchange(
            method, path, query=query, body=body, limit=limit, timeout=timeout
        )
        return read(read_reply(answer, errcodes, hide=(self._secret, *hide)))

    def _with_token(self, ask: Callable[[str], T]) -> T:
        """Ask with the access_token, and once more if WeChat is busy or refuses the token."""
        token = self._access_token.get()
        try:
            return ask(token)
        except TokenRefused:
            is_refused = True
        except WeChatError as error:
            if error.errcode != BUSY:
                raise
            is_refused = False
        if is_refused:
            token = self._access_token.get(refused=token)
        else:
            time.sleep(RETRY_PAUSE)
        return ask(token)

    def _fetch_token(self, forced: bool) -> Fetched:
        """Ask for the access_token. It is part of a call: it has its place and half of its time.

        The other half is for the call, which can go on with the old token while that one lives.
        """
        body = {"grant_type": "client_credential", "appid": self.appid, "secret": self._secret}
        path = "/cgi-bin/stable_token"
        started = time.monotonic()

        def ask() -> Fetched:
            asked = {**body, "force_refresh": forced}
            return self._ask("POST", path, None, asked, TOKEN, read_token, ())

        try:
            return self._in_time(lambda: _twice_if_busy(ask), self.timeout / 2)
        except WeChatError as error:
            self._report(path, error, time.monotonic() - started)
            raise

    def _in_turn(self, path: str, work: Callable[[], T], timeout: float | None = None) -> T:
        """Call WeChat if fewer than `concurrency` calls wait for it, within the time for one call.

        Else it waits for up to PLACE_WAIT, and raises TooManyWaiting. `timeout` bounds both.
        """
        asked_at = time.monotonic()
        wait = PLACE_WAIT if timeout is None else max(0.0, min(PLACE_WAIT, timeout))
        if not self._places.acquire(timeout=wait):
            self._on_call(TooManyWaiting.name, 0.0)
            raise TooManyWaiting(f"{self._concurrency} calls wait for WeChat")
        started = time.monotonic()
        left = self.timeout
        if timeout is not None:
            left = min(left, timeout - (started - asked_at))
        try:
            result = self._in_time(work, left)
        except WeChatError as error:
            self._report(path, error, time.monotonic() - started)
            raise
        finally:
            self._places.release()
        self._on_call("ok", time.monotonic() - started)
        return result

    def _in_time(self, work: Callable[[], T], seconds: float) -> T:
        if seconds > 0:
            with suppress(TimeoutError), self._bounded(seconds):
                return work()
        # Out here: an exception raised by the bound holds the frames that it broke off.
        raise Timeout("the call has used up its time")

    def _report(self, path: str, error: WeChatError, seconds: float) -> None:
        misconfigured = isinstance(error, Misconfigured)
        advice = advice_on(error) if misconfigured else None
        is_usual = isinstance(error, NotPermitted)  # users withdraw what they have permitted
        log.log(
            logging.ERROR if misconfigured else logging.INFO if is_usual else logging.WARNING,
            "WeChat's %s failed: %s%s",
            path,
            error,
            f". What to do: {advice}" if advice else "",
            extra={
                "event": "wechat_failed",
                "outcome": error.name,
                "errcode": error.errcode,
                "rid": error.rid,
                "ms": round(seconds * 1000, 1),
            },
        )
        self._on_call(error.name, seconds)


def _twice_if_busy(ask: Callable[[], T]) -> T:
    """Ask, and once more after errcode -1. All else is final: codes work once."""
    try:
        return ask()
    except WeChatError as error:
        if error.errcode != BUSY:
            raise
    time.sleep(RETRY_PAUSE)
    return ask()
