"""The application: routes, request log, errors."""

import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI, Request, Response
from slowapi.errors import RateLimitExceeded

from benchmarks.peers.fastapi import errors, login
from benchmarks.peers.fastapi.auth import CurrentSession
from benchmarks.peers.fastapi.database import engine
from benchmarks.peers.fastapi.limits import limiter, seconds_left
from benchmarks.peers.fastapi.schemas import Answer, Hello, Profile, iso, now
from benchmarks.peers.fastapi.wechat import WeChat

MAX_BODY = 64 * 1024  # bytes; Nginx sends a Content-Length with every body
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")

structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ],
    wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    logger_factory=structlog.WriteLoggerFactory(),
    cache_logger_on_first_use=True,
)
log = structlog.get_logger()
logging.getLogger("slowapi").setLevel(logging.ERROR)  # refusals are already in the request log


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.wechat = WeChat()
    yield
    await app.state.wechat.close()
    await engine.dispose()


app = FastAPI(lifespan=lifespan, openapi_url=None)
app.state.limiter = limiter
app.include_router(login.router)
errors.register(app)


@app.exception_handler(RateLimitExceeded)
async def rate_limited(request: Request, _error: RateLimitExceeded) -> Response:
    limit, key = request.state.view_rate_limit
    return errors.answer(request, "rate_limited", seconds_left(limit, *key))


@app.middleware("http")
async def observe(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    started = time.perf_counter()
    sent_id = request.headers.get("x-request-id", "")
    request.state.request_id = sent_id if REQUEST_ID.fullmatch(sent_id) else secrets.token_hex(8)
    response = await _answer(request, call_next)
    response.headers["X-Request-Id"] = request.state.request_id
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    session = getattr(request.state, "session", None)
    log.info(
        "request",
        request_id=request.state.request_id,
        method=request.method,
        route=getattr(request.scope.get("route"), "path", "-"),
        status=response.status_code,
        error=getattr(request.state, "error", None),
        ms=round((time.perf_counter() - started) * 1000, 2),
        user=session and session.user.public_id,
        session=session and session.id,
        ip=request.client and request.client.host,
    )
    return response


async def _answer(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    if int(request.headers.get("content-length", 0)) > MAX_BODY:
        return errors.answer(request, "payload_too_large")
    try:
        return await call_next(request)
    except Exception:
        log.exception("internal_error", request_id=request.state.request_id)
        return errors.answer(request, "internal_error")


@app.get("/api/hello")
async def hello() -> Hello:
    return Hello(time=iso(now()))


@app.get("/api/me")
async def me(session: CurrentSession) -> Answer[Profile]:
    return Answer(data=Profile.of(session.user))
