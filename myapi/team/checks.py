"""Check what an `Extension` is given. Each check yields a sentence for each problem."""

import dataclasses
import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import click
from flask import Blueprint

from myapi.cli import RESERVED
from myapi.cli.command import Command, Group
from myapi.settings import AppSettings
from myapi.settings.app_settings import own_variables
from myapi.user_events import EVENTS
from myapi.web.errors import REGISTRY, ErrorSpec

NAME = re.compile(r"[a-z][a-z0-9_]*")
OWN_ENDINGS = range(50, 100)  # of error codes; myapi's own end in 00 to 49


def blueprints(given: Sequence[object]) -> Iterator[str]:
    for each in given:
        if not isinstance(each, Blueprint):
            yield f"blueprints: {_called(each)} is not a flask.Blueprint"


def commands(given: Sequence[click.Command]) -> Iterator[str]:
    seen: set[str | None] = set()
    for each in given:
        if not isinstance(each, Command | Group):
            yield f"commands: {_called(each)} is not made with cls=Group or cls=Command"
        elif each.name in RESERVED:
            yield f"commands: `flask {each.name}` is myapi's or Flask's, choose another name"
        elif each.name in seen:
            yield f"commands: two are called `flask {each.name}`"
        seen.add(getattr(each, "name", None))


def settings(given: Sequence[type[AppSettings]]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for each in given:
        problems = list(_settings_class(each))
        yield from problems
        for name in () if problems else own_variables([each]):
            if name in seen:
                yield f"settings: {name} is declared twice, by {seen[name]} and {_called(each)}"
            seen[name] = _called(each)


def _settings_class(given: object) -> Iterator[str]:
    if not (isinstance(given, type) and issubclass(given, AppSettings)):
        yield f"settings: {_called(given)} is not a class that inherits AppSettings"
    elif any(isinstance(value, dataclasses.Field) for value in vars(given).values()):
        yield f"settings: {_called(given)} needs the line @dataclass(frozen=True) above it"
    else:
        for field in dataclasses.fields(given):
            if "parse" not in field.metadata:
                yield f"settings: {_called(given)}.{field.name} is not made with setting(…)"


def errors(given: Mapping[str, ErrorSpec]) -> Iterator[str]:
    seen: dict[int, str] = {}
    for name, spec in given.items():
        if not isinstance(spec, ErrorSpec):
            yield f"errors: `{name}` is not an ErrorSpec(status, code, english, chinese)"
            continue
        for problem in _error(name, spec):
            yield f"errors: `{name}` {problem}"
        if spec.code in seen:
            yield f"errors: `{seen[spec.code]}` and `{name}` have the same code {spec.code}"
        seen[spec.code] = name


def _error(name: str, spec: ErrorSpec) -> Iterator[str]:
    if name in REGISTRY:
        yield "is an error of myapi, choose another name"
    if not NAME.fullmatch(name):
        yield "is not a name such as notes_full"
    if not 400 <= spec.status <= 599:
        yield f"has the status {spec.status}, which is no error: 400 to 599"
    elif spec.code // 100 != spec.status or spec.code % 100 not in OWN_ENDINGS:
        first, last = (spec.status * 100 + ending for ending in (OWN_ENDINGS[0], OWN_ENDINGS[-1]))
        yield f"has the code {spec.code}; with status {spec.status} choose one of {first} to {last}"
    if not (spec.msg and spec.msg_zh):
        yield "needs a message in English and one in Chinese"


def exports(given: Mapping[str, Callable[..., Any]]) -> Iterator[str]:
    for name, function in given.items():
        if not _takes(function, 2):
            yield f"exports: {_called(function)} of `{name}` must take (connection, user_id)"


def erases(given: Sequence[Callable[..., Any]]) -> Iterator[str]:
    for function in given:
        if not _takes(function, 2):
            yield f"erases: {_called(function)} must take (tx, user_id)"


def handlers(given: Iterable[tuple[str, Callable[..., Any]]]) -> Iterator[str]:
    for event, function in given:
        if event not in EVENTS:
            near = difflib.get_close_matches(event, EVENTS, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            yield f"on: `{event}` is none of the events {', '.join(EVENTS)}{hint}"
        elif not _takes(function, 1):
            yield f"on: {_called(function)} of `{event}` must take (user_id)"


def _takes(function: object, count: int) -> bool:
    """Whether it can be called with so many arguments, as far as can be seen."""
    if not callable(function):
        return False
    try:  # a function under @transaction gets its first argument from there
        inspect.signature(function, follow_wrapped=False).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # a function in C has no signature
        return True
    return True


def _called(thing: object) -> str:
    """Return what a thing is called in the code."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    return f"{module}.{name}" if module and name else repr(thing)
