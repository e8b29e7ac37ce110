"""Rate limits with slowapi, counted in the memory of each process."""

import time
from collections.abc import AsyncIterator

from fastapi import Request
from limits import RateLimitItem, parse
from slowapi import Limiter
from slowapi.util import get_remote_address

from benchmarks.peers.fastapi.errors import ApiError
from benchmarks.peers.fastapi.settings import settings

limiter = Limiter(key_func=get_remote_address)
LOGINS = f"{settings.logins_per_minute}/minute"
FAILED_LOGINS = parse(f"{settings.failed_logins_per_minute}/minute")


async def limit_failed_logins(request: Request) -> AsyncIterator[None]:
    """Limit only failed logins; slowapi's decorator would count successful ones too."""
    address = get_remote_address(request)
    if not limiter.limiter.test(FAILED_LOGINS, address):
        raise ApiError("rate_limited", seconds_left(FAILED_LOGINS, address))
    try:
        yield
    except ApiError:
        limiter.limiter.hit(FAILED_LOGINS, address)
        raise


def seconds_left(limit: RateLimitItem, *key: str) -> int:
    """Return the seconds until the window of this limit ends."""
    reset = limiter.limiter.get_window_stats(limit, *key).reset_time
    return max(1, round(reset - time.time()))
