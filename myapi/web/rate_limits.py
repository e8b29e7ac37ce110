"""Rate limits for expensive calls. Floods are stopped by Nginx.

`limits` counts, the library that Flask-Limiter is made of. Flask-Limiter's hooks run with every
request, also where nothing is limited (docs/decisions/0016-speed.md).
"""

import functools
import ipaddress
import logging
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import limits
from flask import Flask, Response, after_this_request, current_app, request
from limits import RateLimitItem
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from myapi.clock import moment, seconds_since
from myapi.concurrency import bounded
from myapi.extensions import settings
from myapi.settings import parsers
from myapi.web.access import caller
from myapi.web.errors import ApiError
from myapi.web.rate_limit_storage import Counters

View = TypeVar("View", bound=Callable[..., Any])
T = TypeVar("T")

log = logging.getLogger(__name__)

KEY_PREFIX = "myapi"
REDIS_TIMEOUT = 0.15  # s for connecting, and again for an answer
REDIS_PAUSE = 2.0  # s without another attempt after Redis failed
REDIS_DISCARD = 30.0  # s unused, after which connections are replaced, as those to MySQL
FAILED = {*range(400, 500)} - {429}  # a refusal by a limit is no failed login


def init_app(app: Flask) -> None:
    app.extensions["rate_limits"] = RateLimits(settings().rate_limit_storage_url)


class RateLimits:
    """Counts in Redis if there is one, else in this process. While Redis is away, here as well."""

    def __init__(self, storage_url: str) -> None:
        self._local = FixedWindowRateLimiter(Counters())
        self._redis = None if storage_url == "memory://" else _in_redis(storage_url)
        self._redis_away_until = 0.0  # `time.monotonic()` seconds
        self._redis_asked = moment()

    def ask(self, question: Callable[[FixedWindowRateLimiter], T]) -> T:
        """Ask Redis, or the counts of this process if Redis does not answer."""
        if self._redis is not None and time.monotonic() >= self._redis_away_until:
            try:
                with bounded(2 * REDIS_TIMEOUT):
                    self._discard_idle(self._redis)
                    return question(self._redis)
            except Exception as error:  # whatever it is, a limit must not fail the request
                self._redis_away_until = time.monotonic() + REDIS_PAUSE
                log.warning(
                    "Redis does not count the rate limits (%s): falling back to in-memory",
                    type(error).__name__,
                )
        return question(self._local)

    def _discard_idle(self, redis: FixedWindowRateLimiter) -> None:
        """Close the connections of a process that was quiet, or frozen, for long."""
        if seconds_since(self._redis_asked) > REDIS_DISCARD:
            storage: Any = redis.storage
            storage.get_connection().connection_pool.disconnect(inuse_connections=False)
        self._redis_asked = moment()


class Rule(NamedTuple):
    """So many calls in a time, of all calls with the same key and scope."""

    scope: str
    limit: Callable[[], str]  # such as "60/minute"
    key: Callable[[], str]

    def hit(self) -> None:
        """Count a call; raise `rate_limited` if it is one too many."""
        self._check(lambda limiter, *counted: limiter.hit(*counted))

    def test(self) -> None:
        """Raise `rate_limited` if another call would be one too many."""
        self._check(lambda limiter, *counted: limiter.test(*counted))

    def _check(self, allows: Callable[..., bool]) -> None:
        counted = (_parse(self.limit()), KEY_PREFIX, self.key(), self.scope)
        ask = current_app.extensions["rate_limits"].ask
        if not ask(lambda limiter: allows(limiter, *counted)):
            end = ask(lambda limiter: limiter.get_window_stats(*counted)).reset_time
            raise ApiError("rate_limited", retry_after=max(1, math.ceil(end - time.time())))


def client_network() -> str:
    """Return the client's address; for IPv6 its /64, within which a phone changes at will."""
    return _network(request.remote_addr or "")


LOGINS = Rule("login", lambda: settings().rate_limit_login, client_network)
FAILED_LOGINS = Rule("failed login", lambda: settings().rate_limit_login_failed, client_network)
USER_CALLS = Rule("user", lambda: settings().rate_limit_user, lambda: caller().user)


def limit_logins(view: View) -> View:
    """Limit the logins of one address, and failed ones more strictly."""

    @functools.wraps(view)
    def limited(**path: Any) -> Any:  # noqa: ANN401
        FAILED_LOGINS.test()
        LOGINS.hit()
        after_this_request(_count_failure)
        return view(**path)

    return limited  # type: ignore[return-value]


def limit_user(view: View) -> View:
    """Limit the calls of one user, counted over all routes that are marked with this."""

    @functools.wraps(view)
    def limited(**path: Any) -> Any:  # noqa: ANN401
        USER_CALLS.hit()
        return view(**path)

    return limited  # type: ignore[return-value]


def per_user(limit: str) -> Callable[[View], View]:
    """Limit the calls of each user to this route: `@per_user("20/minute")`."""
    return _per_route(limit, "user", lambda: caller().user)


def per_address(limit: str) -> Callable[[View], View]:
    """Limit the calls from each address to this route: `@per_address("60/hour")`."""
    return _per_route(limit, "address", client_network)


def is_limited(view: Callable[..., Any]) -> bool:
    """Whether a view has a limit of its own."""
    return bool(limited_per(view))


def limited_per(view: Callable[..., Any]) -> tuple[str, ...]:
    """Return what the limits of a view's own count: `user`, `address`."""
    found: tuple[str, ...] = getattr(view, "limited_per", ())
    return found


def _per_route(limit: str, kind: str, key: Callable[[], str]) -> Callable[[View], View]:
    """Count the calls of one route by `key`. Raises ValueError if the limit cannot be parsed."""
    checked = parsers.rate_limit(limit)

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def limited(*args: Any, **path: Any) -> Any:  # noqa: ANN401
            Rule(f"{request.endpoint} per {kind}", lambda: checked, key).hit()
            return view(*args, **path)

        limited.limited_per = (*limited_per(view), kind)  # type: ignore[attr-defined]
        return limited  # type: ignore[return-value]

    return decorate


def _count_failure(response: Response) -> Response:
    if response.status_code in FAILED:
        try:
            FAILED_LOGINS.hit()
        except ApiError:  # other logins under way have used the limit up: this one is answered
            log.info("more failed logins than the limit", extra={"event": "refused"})
    return response


@functools.cache
def _parse(limit: str) -> RateLimitItem:
    return limits.parse(limit)


@functools.lru_cache(maxsize=256)  # each login asks twice
def _network(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "local"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return str(ipaddress.ip_network((ip, 64), strict=False))
        return str(ip.ipv4_mapped)
    return str(ip)


def _in_redis(url: str) -> FixedWindowRateLimiter:
    import redis.backoff  # not loaded where there is no Redis
    import redis.retry

    options: dict[str, Any] = {
        "socket_connect_timeout": REDIS_TIMEOUT,
        "socket_timeout": REDIS_TIMEOUT,
        "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
    }
    return FixedWindowRateLimiter(storage_from_string(url, **options))
