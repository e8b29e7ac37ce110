"""Rate limits for expensive calls. Floods are stopped by Nginx.

Flask-Limiter holds them and counts. With every call it would parse them and look for further ones,
at ten times the cost of counting; here that is done once.
"""

import functools
import ipaddress
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import Flask, Response, after_this_request, current_app, request
from flask_limiter import RateLimitExceeded, RequestLimit, RouteLimit
from limits.strategies import FixedWindowRateLimiter

from myapi.extensions import limiter, settings
from myapi.web.access import caller
from myapi.web.rate_limit_storage import Counters

if TYPE_CHECKING:
    from flask_limiter._limits import RuntimeLimit

View = TypeVar("View", bound=Callable[..., Any])

KEY_PREFIX = "myapi"
REDIS_PATIENCE = 0.15  # s; the request that finds Redis gone waits twice
FAILED = {*range(400, 500)} - {429}  # a refusal by a limit is no failed login


def init_app(app: Flask) -> None:
    url = settings().rate_limit_storage_url
    app.config.update(
        RATELIMIT_STORAGE_URI="counters://" if url == "memory://" else url,
        RATELIMIT_STORAGE_OPTIONS=_redis_options() if url.startswith("redis") else {},
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=url.startswith("redis"),
        RATELIMIT_HEADERS_ENABLED=False,  # they would send Retry-After with a 200 as well
        RATELIMIT_SWALLOW_ERRORS=True,  # a limit that cannot be counted is no reason for a 500
        RATELIMIT_KEY_PREFIX=KEY_PREFIX,
    )
    limiter.init_app(app)
    app.extensions["rate_limits"] = {}  # by view
    if url.startswith("redis"):  # while it is away too; the library's own has its flaws
        limiter._fallback_limiter = FixedWindowRateLimiter(Counters())
    _leave_other_routes_alone(app)


def network() -> str:
    """Return the client's address, or its /64 for IPv6: a phone changes within one at will.

    Never empty, which would mean no limit.
    """
    return _network_of(request.remote_addr or "")


@functools.lru_cache(maxsize=256)  # each login asks twice
def _network_of(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "local"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return str(ipaddress.ip_network((ip, 64), strict=False))
        return str(ip.ipv4_mapped)
    return str(ip)


def _failed(response: Response) -> bool:
    return response.status_code in FAILED


_attempts = limiter.limit(lambda: settings().rate_limit_login, key_func=network)
_failures = limiter.limit(
    lambda: settings().rate_limit_login_failed, key_func=network, deduct_when=_failed
)
_calls = limiter.shared_limit(
    lambda: settings().rate_limit_user, scope="user", key_func=lambda: caller().user
)


def limit_logins(view: View) -> View:
    """Limit the logins of one address, and more closely those that fail."""
    return cast("View", _hooked(_limited(view, _failures, _attempts)))


def limit_user(view: View) -> View:
    """Limit the calls of one user, over all routes so marked together."""
    return cast("View", _limited(view, _calls))


def _hooked(view: Callable[..., Any]) -> Callable[..., Any]:
    """Have the limiter count failures after this view, and only after such a view."""

    @functools.wraps(view)
    def call(**path: Any) -> Any:  # noqa: ANN401
        after_this_request(current_app.extensions["count_failures"])
        return view(**path)

    return call


def _limited(view: Callable[..., Any], *limits: RouteLimit) -> Callable[..., Any]:
    """Check limits before a view; while Redis is away, Flask-Limiter does all of it."""
    left_to_it = functools.reduce(lambda inner, limit: limit(inner), limits, view)

    @functools.wraps(left_to_it)
    def call(**path: Any) -> Any:  # noqa: ANN401
        if limiter._storage_dead or not _count(_single(view, limits)):
            return left_to_it(**path)
        return view(**path)

    return call


def _single(view: Callable[..., Any], limits: Sequence[RouteLimit]) -> "list[RuntimeLimit]":
    """Return the limits of a view as the current app has set them; one may stand for several."""
    known: dict[Any, list[RuntimeLimit]] = current_app.extensions["rate_limits"]
    found = known.get(view)
    if found is None:
        singles = (single for limit in limits for single in limit)
        found = known[view] = sorted(singles, key=lambda single: single.limit)  # as it does
    return found


def _count(limits: "list[RuntimeLimit]") -> bool:
    """Count a call and return True, or raise `RateLimitExceeded`; False where Redis fails."""
    try:
        breached = next((limit for limit in limits if not _allows(limit)), None)
    except Exception:
        if limiter._in_memory_fallback_enabled:  # or it would wait for Redis a third time
            limiter.logger.warning("Redis does not count the limits: falling back to in-memory")
            limiter._storage_dead = True
        return False
    if breached:
        told = RequestLimit(limiter, breached.limit, _key(breached), True, breached.shared)
        limiter.context.view_rate_limit = told  # the answer says when it ends
        raise RateLimitExceeded(breached)
    return True


def _allows(limit: "RuntimeLimit") -> bool:
    key = _key(limit)
    if limit.deduct_when is None:
        return limiter.limiter.hit(limit.limit, *key)
    limiter.context.conditional_deductions[limit] = key  # counted when the answer is known
    return limiter.limiter.test(limit.limit, *key)


def _key(limit: "RuntimeLimit") -> list[str]:
    return [KEY_PREFIX, limit.key_func(), limit.scope_for(request.endpoint or "", None)]


def _leave_other_routes_alone(app: Flask) -> None:
    """Take the limiter's hooks off the app: with them, a call without a limit costs the double.

    There are no default limits. A limit stands on its view and is checked when that is called;
    what the limiter notes meanwhile goes with the request's context.
    """
    app.before_request_funcs[None].remove(limiter._check_request_limit)
    app.extensions["count_failures"] = app.after_request_funcs[None].pop()
    app.teardown_request_funcs[None].pop()


def _redis_options() -> dict[str, object]:
    """Have a Redis that is gone cost little: limits go on in memory, and it is tried again."""
    import redis.backoff
    import redis.retry

    return {
        "socket_connect_timeout": REDIS_PATIENCE,
        "socket_timeout": REDIS_PATIENCE,
        "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
    }
