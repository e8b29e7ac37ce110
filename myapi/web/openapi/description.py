"""Describe the API in OpenAPI 3.1, from the schemas that validate and the registry of errors."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from flask import Flask

from myapi.settings import Settings
from myapi.web.access import max_body_bytes, refusals
from myapi.web.body.upload import MULTIPART, File
from myapi.web.endpoint import Endpoint
from myapi.web.errors import RETRY_AFTER, ErrorSpec, errors_of
from myapi.web.openapi.json_schema import (
    COMPONENTS,
    Components,
    Schema,
    enveloped,
    error_example,
    error_schema,
    example,
    incoming,
    outgoing,
)
from myapi.web.rate_limits import is_limited

JSON = "application/json"
PAGES = {"docs", "console"}  # blueprints of pages for people; they are left out
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

TOO_LARGE = 413

EVERY_ROUTE = ("development_only", "internal_error")
WITH_BODY = ("invalid_request", "payload_too_large", "unsupported_media_type")

ABOUT = """\
The backend of a WeChat mini program: it exchanges a wx.login code for an account and a session.

Success is 200 with `{"code": 0, "msg": "ok", "data": …}`. A failure has its own HTTP status and \
`{"code", "error", "msg", "request_id"}`: rely on `error` or `code`, which are stable, and show \
`msg` to people. If the body was refused, `fields` says which fields break which rules. Every \
response has an `X-Request-Id`."""


#: Said with the values of the app, in English and Chinese.
LIMITS = (
    "A body of more than {} bytes is answered with 413 (`MYAPI_MAX_BODY_BYTES`), and what takes"
    " longer than {} s with 503 (`MYAPI_REQUEST_TIMEOUT`).",
    "请求体超过 {} 字节时返回 413（`MYAPI_MAX_BODY_BYTES`）；"
    "处理超过 {} 秒时返回 503（`MYAPI_REQUEST_TIMEOUT`）。",
)

#: The blueprints in the order in which a newcomer needs them; a team's own are between.
FIRST = ("hello", "auth", "me", "avatars")
LAST = ("push", "sandbox", "sandbox_push", "health")


class Route(NamedTuple):
    """One method of one path."""

    path: str
    method: str
    endpoint: str
    arguments: tuple[str, ...]
    view: Callable[..., Any]
    all_errors: Mapping[str, ErrorSpec]  # of the app
    max_body_bytes: int

    @property
    def declared(self) -> Endpoint | None:
        """What the view takes and returns; None if it returns plain text."""
        return getattr(self.view, "endpoint", None)

    @property
    def needs_session(self) -> bool:
        return "token_missing" in refusals(self.view)

    @property
    def errors(self) -> dict[str, ErrorSpec]:
        """Every error that this route can answer with, in the registry's order."""
        declared = self.declared
        named = {*EVERY_ROUTE, *refusals(self.view), *(declared.errors if declared else ())}
        if declared and (declared.body or declared.file):
            named.update(WITH_BODY)
        if declared and declared.file:
            named.add(declared.file.invalid)
        if is_limited(self.view):
            named.add("rate_limited")
        return {name: spec for name, spec in self.all_errors.items() if name in named}


def limits(settings: Settings) -> tuple[str, str]:
    """Return the sentence about the limits, in English and in Chinese."""
    english, chinese = LIMITS
    values = settings.max_body_bytes, settings.request_timeout
    return english.format(*values), chinese.format(*values)


def describe(app: Flask) -> Schema:
    """Describe all routes of `app`; `x-myapi-errors` is the whole registry of errors."""
    components: Components = {"Error": error_schema(errors_of(app))}
    paths: dict[str, Schema] = {}
    english, _ = limits(app.extensions["settings"])
    for route in routes(app):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "myapi", "version": "1", "description": f"{ABOUT}\n\n{english}"},
        "servers": [{"url": "/"}],
        "tags": list(_tags(app)),
        "paths": paths,
        "components": {
            "schemas": components,
            "headers": _HEADERS,
            "securitySchemes": {"bearer": _BEARER},
        },
        "x-myapi-errors": {name: spec._asdict() for name, spec in errors_of(app).items()},
    }


def translated(description: Schema, texts: Mapping[str, str]) -> Schema:
    """Return the description with its titles and texts in Chinese, for tools that import it."""
    chinese: Schema = _translate(description, texts)
    names = {tag["name"]: texts.get(tag["name"], tag["name"]) for tag in description["tags"]}
    for tag in chinese["tags"]:
        tag["name"] = names[tag["name"]]
    for item in chinese["paths"].values():
        for operation in item.values():
            operation["tags"] = [names[name] for name in operation["tags"]]
    return chinese


def _translate(part: Any, texts: Mapping[str, str]) -> Any:  # noqa: ANN401 (any JSON)
    if isinstance(part, list):
        return [_translate(item, texts) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: "\n\n".join(texts.get(text, text) for text in value.split("\n\n"))
        if key in {"summary", "description"} and isinstance(value, str)
        else _translate(value, texts)
        for key, value in part.items()
    }


def routes(app: Flask) -> Iterator[Route]:
    """Yield every route except those that are pages for people: this description, the console."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.partition(".")[0] in PAGES:
            continue
        path = re.sub(r"<(?:[^<>:]+:)?([^<>:]+)>", r"{\1}", rule.rule)
        arguments = tuple(sorted(rule.arguments))
        for method in METHODS:
            if method in (rule.methods or ()):
                view = app.view_functions[rule.endpoint]
                limit = max_body_bytes(app, view)
                yield Route(path, method, rule.endpoint, arguments, view, errors_of(app), limit)


def _tags(app: Flask) -> Iterator[Schema]:
    """Yield the blueprints, each described by the first line of its module's docstring."""
    own = [name for name in app.blueprints if name not in {*FIRST, *LAST, *PAGES}]
    for name in (*FIRST, *own, *LAST):
        if name in app.blueprints:
            module = sys.modules[app.blueprints[name].import_name]
            yield {"name": name, "description": _paragraphs(module.__doc__)[0]}


def _operation(route: Route, components: Components) -> Schema:
    summary, rest = _paragraphs(route.view.__doc__)
    operation: Schema = {
        "operationId": route.endpoint,
        "tags": [route.endpoint.partition(".")[0]],
        "summary": summary,
    }
    if rest:
        operation["description"] = rest
    if route.needs_session:
        operation["security"] = [{"bearer": []}]
    if route.arguments:
        operation["parameters"] = [_in_path(name) for name in route.arguments]
    if route.declared and route.declared.body:
        body = incoming(route.declared.body, components)
        operation["requestBody"] = {"required": True, "content": _json(body, components)}
    if route.declared and route.declared.file:
        operation["requestBody"] = {"required": True, "content": _multipart(route.declared.file)}
    operation["responses"] = dict(_responses(route, components))
    return operation


def _in_path(name: str) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
    }


def _responses(route: Route, components: Components) -> Iterator[tuple[str, Schema]]:
    yield "200", _success(route.declared, components)
    for status in sorted({spec.status for spec in route.errors.values()}):
        of_status = {name: spec for name, spec in route.errors.items() if spec.status == status}
        failure = _failure(status, of_status, route.declared)
        if status == TOO_LARGE:
            failure["description"] += f": a body of more than {route.max_body_bytes} bytes"
        yield str(status), failure


def _success(declared: Endpoint | None, components: Components) -> Schema:
    if declared is None:
        content: Schema = {"text/plain": {"schema": {"type": "string"}}}
    elif declared.media_types:
        content = {name: {"schema": _BINARY} for name in declared.media_types}
    else:
        schema = outgoing(declared.returns, components)
        content = _json(enveloped(schema) if declared.envelope else schema, components)
    return {"description": "OK", "headers": _headers("X-Request-Id"), "content": content}


def _failure(status: int, errors: Mapping[str, ErrorSpec], declared: Endpoint | None) -> Schema:
    """Describe the response of one status, with one example for each of its errors."""
    body = declared.body if declared else None
    headers = ["X-Request-Id"]
    if status == 401:
        headers.append("WWW-Authenticate")
    if status in RETRY_AFTER:
        headers.append("Retry-After")
    narrowed = {
        "error": {"enum": list(errors)},
        "code": {"enum": [spec.code for spec in errors.values()]},
    }
    return {
        "description": ", ".join(errors),
        "headers": _headers(*headers),
        "content": {
            JSON: {
                "schema": {"$ref": f"{COMPONENTS}Error", "properties": narrowed},
                "examples": {
                    name: {"value": error_example(name, spec, body)}
                    for name, spec in errors.items()
                },
            }
        },
    }


def _json(schema: Schema, components: Components) -> Schema:
    return {JSON: {"schema": schema, "example": example(schema, components)}}


def _multipart(file: File) -> Schema:
    schema = {
        "type": "object",
        "properties": {file.field: {**_BINARY, "description": file.description}},
        "required": [file.field],
    }
    return {MULTIPART: {"schema": schema}}


def _headers(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _paragraphs(docstring: str | None) -> tuple[str, str]:
    """Return the first line of a docstring, and the rest as one line."""
    first, _, rest = (docstring or "").strip().partition("\n")
    return first, " ".join(rest.split())


_BINARY: Schema = {"type": "string", "format": "binary"}
_HEADERS = {
    "X-Request-Id": {
        "description": "The id of this request in the log.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9-]{1,64}$"},
    },
    "WWW-Authenticate": {
        "description": "RFC 6750; error_description is the name of the error.",
        "required": True,
        "schema": {"type": "string", "pattern": "^Bearer "},
    },
    "Retry-After": {
        "description": "Seconds to wait.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
}
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "The token that a login returns.",
}
