"""Rate limits where a call is dear. The flood is Nginx's to stop."""

import functools
import ipaddress
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Flask, Response, after_this_request, current_app, request
from limits.strategies import FixedWindowRateLimiter

from myapi.counters import Counters
from myapi.extensions import limiter, settings
from myapi.guards import caller

View = TypeVar("View", bound=Callable[..., Any])

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
        RATELIMIT_KEY_PREFIX="myapi",
    )
    limiter.init_app(app)
    if url.startswith("redis"):  # while it is away too; the library's own has its flaws
        limiter._fallback_limiter = FixedWindowRateLimiter(Counters())
    _leave_other_routes_alone(app)


def network() -> str:
    """Return the client's address, or its /64 for IPv6: a phone changes within one at will.

    Never empty, which would mean no limit.
    """
    try:
        ip = ipaddress.ip_address(request.remote_addr or "")
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


def login(view: View) -> View:
    """Limit the logins of one address, and more closely those that fail."""
    return cast("View", _hooked(_attempts(_failures(view))))


def user(view: View) -> View:
    """Limit the calls of one user, over all routes so marked together."""
    return cast("View", _calls(view))


def _hooked(view: Callable[..., Any]) -> Callable[..., Any]:
    """Have the limiter count failures after this view, and only after such a view."""

    @functools.wraps(view)
    def call(**path: Any) -> Any:  # noqa: ANN401
        after_this_request(current_app.extensions["count_failures"])
        return view(**path)

    return call


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
