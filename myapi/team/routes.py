"""Register the team's routes, and check each against all others."""

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_type_hints

from flask import Blueprint, Flask
from msgspec import Struct
from werkzeug.routing import Rule

from myapi.language import localized
from myapi.web.access import refusals
from myapi.web.endpoint import Endpoint
from myapi.web.errors import errors_of
from myapi.web.rate_limits import limited_per

#: Below these are myapi's routes, those of later versions too.
RESERVED = (
    "/api/auth",
    "/api/me",
    "/api/myapi",
    "/avatars",
    "/console",
    "/docs",
    "/sandbox",
    "/wechat",
)
ARGUMENT = re.compile(r"<(?:([^<>:]+):)?[^<>:]+>")


def register(app: Flask, blueprints: Sequence[Blueprint]) -> Iterator[str]:
    """Register blueprints. Yields a sentence for each problem."""
    before = set(app.view_functions)
    for blueprint in blueprints:
        if blueprint.name in app.blueprints:
            yield localized(
                f"blueprints: there is one called `{blueprint.name}` already, choose another name",
                f"blueprints：已有一个叫 `{blueprint.name}`，请换一个名字",
            )
            continue
        try:
            app.register_blueprint(blueprint)
        except AssertionError:
            yield localized(
                f"blueprints: two views of `{blueprint.name}` have one name",
                f"blueprints：`{blueprint.name}` 有两个视图函数同名",
            )
    yield from _served_twice(app, before)
    for rule in app.url_map.iter_rules():
        if rule.endpoint in before:
            continue
        for problem in (*_in_reserved_place(rule), *_in_view(app, rule)):
            yield localized(f"{rule.endpoint}: ", f"{rule.endpoint}：") + problem


def _served_twice(app: Flask, before: set[str]) -> Iterator[str]:
    """`before` are the endpoints of myapi."""
    served: dict[tuple[str, str], str] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.endpoint not in before):
        for method, path in _keys(rule):
            first = served.setdefault((method, path), rule.endpoint)
            if first != rule.endpoint:
                yield localized(
                    f"{rule.endpoint}: {method} {rule.rule} is served by {first} already",
                    f"{rule.endpoint}：{method} {rule.rule} 已由 {first} 处理",
                )


def _keys(rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield method and path; the names of a path's arguments do not tell two routes apart."""
    path = ARGUMENT.sub(lambda found: f"<{found[1] or 'string'}>", rule.rule)
    for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
        yield method, path


def _in_reserved_place(rule: Rule) -> Iterator[str]:
    for prefix in RESERVED:
        if f"{rule.rule}/".startswith(f"{prefix}/"):
            yield localized(
                f"{rule.rule}: what is below {prefix} is myapi's, choose another path",
                f"{rule.rule}：{prefix} 之下的路径保留给 myapi，请换一个",
            )


def _in_view(app: Flask, rule: Rule) -> Iterator[str]:
    view: Callable[..., Any] = app.view_functions[rule.endpoint]
    if "user" in limited_per(view) and "token_missing" not in refusals(view):
        yield localized(
            "@per_user needs to know the user, and @public knows none; use @per_address",
            "@public 的接口不知道用户是谁，不能用 @per_user；请用 @per_address",
        )
    declared: Endpoint | None = getattr(view, "endpoint", None)
    if declared is None and _needs_endpoint(view):
        yield localized(
            "Flask cannot send what it returns: put @endpoint(…) between @bp.… and def",
            "Flask 无法发送它的返回值：请把 @endpoint(…) 放在 @bp.… 和 def 之间",
        )
    known = errors_of(app)
    for name in declared.errors if declared else ():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = localized("; did you mean {}?", "；是否想写 {}？").format(*near) if near else ""
            yield localized(
                f"errors= names `{name}`, which is no error{hint}",
                f"errors= 中没有 `{name}` 这个错误{hint}",
            )


def _needs_endpoint(view: Callable[..., Any]) -> bool:
    """Whether a view returns None or a struct. It may have @endpoint, in the wrong place."""
    try:
        returns = get_type_hints(view).get("return", Any)
    except (NameError, TypeError):  # names that are imported for type checkers alone
        return False
    return returns is type(None) or (isinstance(returns, type) and issubclass(returns, Struct))
