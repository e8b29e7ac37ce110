"""One access_token for all processes of a mini program: when it is fetched, shared and replaced.

WeChat's stable_token gives everyone the same token with the life that is left of it, and a new one
in its last five minutes; the old one goes on working for those. A forced renewal ends the old token
at once, for everyone who uses it, and may be asked for 20 times a day.
Source: stable_token, POST /cgi-bin/stable_token.

All processes share a row of a `TokenStore`. One of them renews it; the others go on with the old
token while it lives, and wait for the new one if it does not.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from . import token_row
from .errors import Timeout, Unavailable, WeChatError
from .token_row import NONE, Fetched, TokenRow, TokenStore

log = logging.getLogger("myapi.wechat")

#: With less life left than this, a token is renewed: WeChat gives a new one only then.
RENEWED_BEFORE = timedelta(minutes=5)
#: Seconds that a process goes on with a token before it looks at the row again.
MEMORY = 60.0
#: Seconds between two looks at the row while another process renews the token.
POLL = 0.1
#: Seconds for which the callers who waited for a renewal that failed share its error.
SHARED_FAILURE = 1.0


@dataclass(frozen=True)
class _Known:
    """A token in this process's memory. The times are of `time.monotonic`."""

    token: str = field(repr=False)
    fresh_until: float
    dies_at: float


class AccessToken:
    """Gives the callers of one process the shared token. Threads share it."""

    def __init__(
        self, store: TokenStore, fetch: Callable[[bool], Fetched], *, patience: float
    ) -> None:
        """`fetch(forced)` asks stable_token; `patience` is how long a caller waits, in seconds."""
        self._store = store
        self._fetch = fetch
        self._patience = patience
        self._one_at_a_time = threading.Lock()
        self._known: _Known | None = None
        self._failure: tuple[float, WeChatError] | None = None

    def get(self, *, refused: str | None = None) -> str:
        """Return a token that lives, and is another one than WeChat has just `refused`.

        Raises a WeChatError if there is none.
        """
        known = self._alive(refused)
        if known and time.monotonic() < known.fresh_until:
            return known.token
        started = time.monotonic()
        # While one caller of this process looks at the row, those who have a token go on with it.
        if not self._one_at_a_time.acquire(timeout=0 if known else self._patience):
            if known:
                return known.token
            raise Timeout("the access_token is being renewed")
        try:
            known = self._alive(refused)
            if known and time.monotonic() < known.fresh_until:
                return known.token
            return self._look_up(refused, started)
        finally:
            self._one_at_a_time.release()

    def _alive(self, refused: str | None) -> _Known | None:
        known = self._known
        is_alive = known and known.token != refused and time.monotonic() < known.dies_at
        return known if is_alive else None

    def _look_up(self, refused: str | None, started: float) -> str:
        while True:
            row, now = self._store.load()
            waited = time.monotonic() - started
            others_renew = row.is_being_renewed(now)
            # It may take half of the time. If callers with less tried, they would be broken off,
            # one after the other, and each would have asked WeChat.
            may_renew = not others_renew and waited <= self._patience / 2
            if token := self._usable(row, now, refused, RENEWED_BEFORE if may_renew else NONE):
                return token
            if row.token and row.token == refused and row.is_given_up(now):
                raise Unavailable("WeChat refuses the access_token and gives no other")
            self._raise_shared_failure()
            if may_renew and (claimed := self._store.update(token_row.claim)):
                return self._renew(claimed, refused)
            if waited > self._patience or not (may_renew or others_renew):
                raise Timeout("there was no time left to renew the access_token")
            time.sleep(POLL)

    def _usable(
        self, row: TokenRow, now: datetime, refused: str | None, least: timedelta
    ) -> str | None:
        """Return the token of the row, and remember it, if it lives for longer than `least`."""
        if row.token is None or row.token == refused or row.left(now) <= least:
            return None
        left, at = row.left(now).total_seconds(), time.monotonic()
        self._known = _Known(row.token, at + min(MEMORY, left), at + left)
        return row.token

    def _renew(self, claimed: datetime, refused: str | None) -> str:
        """Renew the token. This process has claimed it, and one has just ended a renewal maybe."""
        try:
            row, now = self._store.load()
            token = self._usable(row, now, refused, RENEWED_BEFORE)
            return token or self._fetch_and_keep(now, refused)
        finally:  # also when it is broken off: see concurrency.bounded
            self._store.update(token_row.release(claimed))

    def _fetch_and_keep(self, at: datetime, refused: str | None) -> str:
        failure: WeChatError
        try:
            fetched = self._fetch(False)
            if fetched.token == refused:
                fetched = self._force(refused)
        except WeChatError as error:
            failure = error
        else:
            row = self._store.update(token_row.keep(fetched, at, refused))
            self._failure = None
            # If another one that expires later was there, it is that one.
            return self._usable(row, at, refused, NONE) or fetched.token
        row, at = self._store.load()
        if token := self._usable(row, at, refused, NONE):
            return token  # an old one that lives, or one that another process has just got
        self._failure = time.monotonic(), failure
        raise failure

    def _force(self, refused: str) -> Fetched:
        """Ask for another token than the dead one, if that was not done too often."""
        detail = "and gives the same one again"
        if may_at := self._store.update(token_row.count_forced):
            detail = f"and may be forced to give another one at {may_at:%Y-%m-%d %H:%M:%S} UTC"
        else:
            log.warning(
                "the access_token is dead before its time, and WeChat is forced to give another:"
                " another program may have forced it, or the AppSecret may have been reset",
                extra={"event": "access_token_forced"},
            )
            fetched = self._fetch(True)
            if fetched.token != refused:
                return fetched
        self._store.update(token_row.give_up(refused))
        raise Unavailable(f"WeChat refuses the access_token, {detail}")

    def _raise_shared_failure(self) -> None:
        """Raise the error of a renewal that has just failed: a crowd shall not try one by one."""
        if self._failure is not None:
            at, error = self._failure
            if time.monotonic() - at < SHARED_FAILURE:
                raise type(error)(error.detail, error.errcode)
