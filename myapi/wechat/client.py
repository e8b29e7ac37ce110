"""The client of WeChat's server API: the code of wx.login in, the user out."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from .deadline import Alone, Waits
from .errors import ADVICE, Misconfigured, TooManyWaiting, WeChatError
from .replies import Login, read_login
from .transport import Transport

log = logging.getLogger("myapi.wechat")

#: Seconds to wait for a place, as a storm of logins makes many do, while WeChat is quick.
PLACE_WAIT = 1.0
#: Seconds that calls take on average when it no longer is, or that no place is given or given
#: back while all are taken; then nobody waits for one.
SLOW = 0.5

#: Seconds before the one retry after errcode -1, "system busy".
RETRY_PAUSE = 0.1


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
        concurrency: int = 8,
        proxies: Mapping[str, str] | None = None,
        on_call: Callable[[str, float], None] | None = None,
        waits: Waits | None = None,
    ) -> None:
        """Prepare to call; no connection is opened yet.

        `timeout` is the bound in seconds on a whole call, its retry included, and `concurrency`
        how many callers may wait at once. `proxies` is a mapping of scheme to URL; none is taken
        from the environment. `on_call` hears of each call: "ok" or the error's name, and seconds.
        `waits` is told of each wait, so that others can go on meanwhile.
        Raises ValueError for a bound or a URL that makes no sense.
        """
        if timeout <= 0 or concurrency < 1:
            raise ValueError("timeout must be above 0, concurrency at least 1")
        self.appid = appid
        self._secret = secret
        self._timeout = timeout
        self._concurrency = concurrency
        self._places = threading.BoundedSemaphore(concurrency)
        self._pace = self._moved = 0.0
        self._waits = waits or Alone()
        self._on_call = on_call or (lambda outcome, seconds: None)
        self._transport = Transport(
            f"{base_url.rstrip('/')}/sns/jscode2session",
            connections=concurrency,
            proxies=proxies,
            waits=self._waits,
        )

    def __repr__(self) -> str:
        return f"WeChatClient({self.appid!r})"

    def code_to_session(self, code: str) -> Login:
        """Exchange a code from wx.login, which works once. Raises a WeChatError.

        Takes a place for as long as it lasts.
        Source: code2Session, GET /sns/jscode2session.
        """
        with self.slot():
            started = time.monotonic()
            try:
                login = self._exchange(code, started + self._timeout)
            except WeChatError as error:
                self._report_failure(error, self._paced(started))
                raise
            self._on_call("ok", self._paced(started))
            return login

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the `concurrency` places, or raise TooManyWaiting: at once on slow days.

        No call lasts longer than its time, so a place is free again when its holder leaves.
        """
        if not self._places.acquire(blocking=False) and not self._wait_for_place():
            self._on_call(TooManyWaiting.name, 0.0)
            raise TooManyWaiting(f"all {self._concurrency} places are taken")
        self._moved = time.monotonic()
        try:
            yield
        finally:
            self._moved = time.monotonic()
            self._places.release()

    def close(self) -> None:
        """Close the connections that are kept. A later call opens new ones."""
        self._transport.close()

    def _wait_for_place(self) -> bool:
        """On slow days nobody waits here: those who do are missing where WeChat is not needed.

        How long calls take is known when the first have ended; that they last, before.
        """
        give_up = time.monotonic() + PLACE_WAIT
        with self._waits.waiting():
            while self._pace < SLOW:
                patience = min(give_up, self._moved + SLOW) - time.monotonic()
                if patience <= 0:
                    break
                if self._places.acquire(timeout=patience):
                    return True
        return False

    def _paced(self, started: float) -> float:
        """Return the seconds that a call took, which count towards how quick WeChat is."""
        seconds = time.monotonic() - started
        self._pace += (seconds - self._pace) / 8
        return seconds

    def _exchange(self, code: str, deadline: float) -> Login:
        try:
            return self._exchange_once(code, deadline)
        except WeChatError as error:
            if error.errcode != -1 or deadline - time.monotonic() <= RETRY_PAUSE:
                raise
        with self._waits.waiting():
            time.sleep(RETRY_PAUSE)
        return self._exchange_once(code, deadline)

    def _exchange_once(self, code: str, deadline: float) -> Login:
        query = {
            "appid": self.appid,
            "secret": self._secret,
            "js_code": code,
            "grant_type": "authorization_code",
        }
        return read_login(self._transport.get(query, deadline), hide=(self._secret, code))

    def _report_failure(self, error: WeChatError, seconds: float) -> None:
        advice = ADVICE.get(error.errcode or 0, "")
        log.log(
            logging.ERROR if isinstance(error, Misconfigured) else logging.WARNING,
            "WeChat gave no login: %s%s",
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
