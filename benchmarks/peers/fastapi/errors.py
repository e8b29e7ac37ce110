"""Errors in the shape of myapi's: HTTP status, stable integer, message, request id."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from starlette.exceptions import HTTPException

KINDS = {
    "invalid_request": (400, 40000, "The request is not as described."),
    "login_code_invalid": (400, 40001, "The login code is wrong, used or expired."),
    "token_missing": (401, 40100, "Log in first: there is no bearer token."),
    "token_invalid": (401, 40101, "The token was not issued here."),
    "session_ended": (401, 40102, "The session has ended: log in again."),
    "user_banned": (403, 40300, "This account is banned."),
    "not_found": (404, 40400, "There is nothing here."),
    "payload_too_large": (413, 41300, "The body is too large."),
    "rate_limited": (429, 42900, "Too many requests: wait a little."),
    "internal_error": (500, 50000, "An internal error occurred."),
    "wechat_unavailable": (502, 50200, "WeChat gives no usable answer: try again."),
    "service_unavailable": (503, 50300, "The service is busy or unavailable: try again."),
    "wechat_timeout": (504, 50400, "WeChat is too slow: try again."),
}
BY_STATUS = {400: "invalid_request", 404: "not_found", 405: "not_found"}
DATABASE_DOWN = (OperationalError, InterfaceError, NoConnectionError)


class ApiError(Exception):
    def __init__(self, name: str, retry_after: int | None = None) -> None:
        super().__init__(name)
        self.name = name
        self.retry_after = retry_after  # s


def register(app: FastAPI) -> None:
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    for error in DATABASE_DOWN:
        app.add_exception_handler(error, _database_down)


def answer(request: Request, name: str, retry_after: int | None = None) -> JSONResponse:
    status, code, msg = KINDS[name]
    request.state.error = name
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = _challenge(name)
    if retry_after:
        headers["Retry-After"] = str(retry_after)
    body = {"code": code, "error": name, "msg": msg, "request_id": request.state.request_id}
    return JSONResponse(body, status, headers)


async def _api_error(request: Request, error: ApiError) -> JSONResponse:
    return answer(request, error.name, error.retry_after)


async def _validation_error(request: Request, _error: RequestValidationError) -> JSONResponse:
    return answer(request, "invalid_request")


async def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    return answer(request, BY_STATUS.get(error.status_code, "internal_error"))


async def _database_down(request: Request, _error: Exception) -> JSONResponse:
    return answer(request, "service_unavailable", retry_after=2)


def _challenge(name: str) -> str:
    if name == "token_missing":
        return 'Bearer realm="peer"'
    return f'Bearer realm="peer", error="invalid_token", error_description="{name}"'
