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
from myapi.console.boxes import ConsoleBox, ConsolePage
from myapi.language import localized
from myapi.settings import AppSettings
from myapi.settings.app_settings import own_variables
from myapi.users.events import EVENTS
from myapi.web.errors import REGISTRY, ErrorSpec

NAME = re.compile(r"[a-z][a-z0-9_]*")
PATH_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
OWN_ENDINGS = range(50, 100)  # of error codes; myapi's own end in 00 to 49


def blueprints(given: Sequence[object]) -> Iterator[str]:
    for each in given:
        if not isinstance(each, Blueprint):
            yield localized(
                f"blueprints: {_called(each)} is not a flask.Blueprint",
                f"blueprints：{_called(each)} 不是 flask.Blueprint",
            )


def commands(given: Sequence[click.Command]) -> Iterator[str]:
    seen: set[str | None] = set()
    for each in given:
        if not isinstance(each, Command | Group):
            yield localized(
                f"commands: {_called(each)} is not made with cls=Group or cls=Command",
                f"commands：{_called(each)} 要用 cls=Group 或 cls=Command 创建",
            )
        elif each.name in RESERVED:
            yield localized(
                f"commands: `flask {each.name}` is myapi's or Flask's, choose another name",
                f"commands：`flask {each.name}` 是 myapi 或 Flask 的命令，请换一个名字",
            )
        elif each.name in seen:
            yield localized(
                f"commands: two are called `flask {each.name}`",
                f"commands：有两个 `flask {each.name}`",
            )
        seen.add(getattr(each, "name", None))


def settings(given: Sequence[type[AppSettings]]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for each in given:
        problems = list(_settings_class(each))
        yield from problems
        for name in () if problems else own_variables([each]):
            if name in seen:
                yield localized(
                    f"settings: {name} is declared twice, by {seen[name]} and {_called(each)}",
                    f"settings：{name} 在 {seen[name]} 和 {_called(each)} 中重复声明",
                )
            seen[name] = _called(each)


def _settings_class(given: object) -> Iterator[str]:
    if not (isinstance(given, type) and issubclass(given, AppSettings)):
        yield localized(
            f"settings: {_called(given)} is not a class that inherits AppSettings",
            f"settings：{_called(given)} 不是继承 AppSettings 的类",
        )
    elif any(isinstance(value, dataclasses.Field) for value in vars(given).values()):
        yield localized(
            f"settings: {_called(given)} needs the line @dataclass(frozen=True) above it",
            f"settings：{_called(given)} 上面要加一行 @dataclass(frozen=True)",
        )
    else:
        for field in dataclasses.fields(given):
            if "parse" not in field.metadata:
                yield localized(
                    f"settings: {_called(given)}.{field.name} is not made with setting(…)",
                    f"settings：{_called(given)}.{field.name} 要用 setting(…) 声明",
                )


def errors(given: Mapping[str, ErrorSpec]) -> Iterator[str]:
    seen: dict[int, str] = {}
    for name, spec in given.items():
        if not isinstance(spec, ErrorSpec):
            yield localized(
                f"errors: `{name}` is not an ErrorSpec(status, code, english, chinese)",
                f"errors：`{name}` 不是 ErrorSpec(status, code, english, chinese)",
            )
            continue
        for problem in _error(name, spec):
            yield localized(f"errors: `{name}` ", f"errors：`{name}` ") + problem
        if spec.code in seen:
            yield localized(
                f"errors: `{seen[spec.code]}` and `{name}` have the same code {spec.code}",
                f"errors：`{seen[spec.code]}` 和 `{name}` 的编号都是 {spec.code}",
            )
        seen[spec.code] = name


def _error(name: str, spec: ErrorSpec) -> Iterator[str]:
    if name in REGISTRY:
        yield localized(
            "is an error of myapi, choose another name", "是 myapi 的错误，请换一个名字"
        )
    if not NAME.fullmatch(name):
        yield localized("is not a name such as notes_full", "的写法不对，应形如 notes_full")
    if not 400 <= spec.status <= 599:
        yield localized(
            f"has the status {spec.status}, which is no error: 400 to 599",
            f"的状态码 {spec.status} 不表示错误：应为 400 到 599",
        )
    elif spec.code // 100 != spec.status or spec.code % 100 not in OWN_ENDINGS:
        first, last = (spec.status * 100 + ending for ending in (OWN_ENDINGS[0], OWN_ENDINGS[-1]))
        yield localized(
            f"has the code {spec.code}; with status {spec.status} choose one of {first} to {last}",
            f"的编号是 {spec.code}；状态码 {spec.status} 的编号应在 {first} 到 {last} 之间",
        )
    if not (spec.msg and spec.msg_zh):
        yield localized("needs a message in English and one in Chinese", "要有英文和中文两种说明")


def exports(given: Mapping[str, Callable[..., Any]]) -> Iterator[str]:
    for name, function in given.items():
        if not _takes(function, 2):
            yield localized(
                f"exports: {_called(function)} of `{name}` must take (connection, user_id)",
                f"exports：`{name}` 的 {_called(function)} 参数应为 (connection, user_id)",
            )


def erases(given: Sequence[Callable[..., Any]]) -> Iterator[str]:
    for function in given:
        if not _takes(function, 2):
            yield localized(
                f"erases: {_called(function)} must take (tx, user_id)",
                f"erases：{_called(function)} 的参数应为 (tx, user_id)",
            )


def handlers(given: Iterable[tuple[str, Callable[..., Any]]]) -> Iterator[str]:
    for event, function in given:
        if event not in EVENTS:
            near = difflib.get_close_matches(event, EVENTS, n=1)
            hint = (
                localized(" (did you mean {}?)", "（是否想写 {}？）").format(*near) if near else ""
            )
            yield localized(
                f"on: `{event}` is none of the events {', '.join(EVENTS)}{hint}",
                f"on：没有事件 `{event}`{hint}，可用的有 {'、'.join(EVENTS)}",
            )
        elif not _takes(function, 1):
            yield localized(
                f"on: {_called(function)} of `{event}` must take (user_id)",
                f"on：`{event}` 的 {_called(function)} 参数应为 (user_id)",
            )


def console_pages(given: Sequence[object]) -> Iterator[str]:
    seen: set[str] = set()
    for each in given:
        if not isinstance(each, ConsolePage):
            yield localized(
                f"console_pages: {_called(each)} is not a ConsolePage(name, title, show)",
                f"console_pages：{_called(each)} 不是 ConsolePage(name, title, show)",
            )
            continue
        if not PATH_NAME.fullmatch(each.name) or each.name in seen:
            yield localized(
                f"console_pages: `{each.name}` is not a name of its own such as late-orders",
                f"console_pages：`{each.name}` 应为不重复的名字，形如 late-orders",
            )
        seen.add(each.name)
        if not _takes(each.show, 1):
            yield localized(
                f"console_pages: {_called(each.show)} of `{each.name}` must take (query)",
                f"console_pages：`{each.name}` 的 {_called(each.show)} 参数应为 (query)",
            )


def console_boxes(given: Sequence[object]) -> Iterator[str]:
    for each in given:
        if not isinstance(each, ConsoleBox):
            yield localized(
                f"console_boxes: {_called(each)} is not a ConsoleBox(title, show)",
                f"console_boxes：{_called(each)} 不是 ConsoleBox(title, show)",
            )
        elif not _takes(each.show, 1):
            yield localized(
                f"console_boxes: {_called(each.show)} of `{each.title}` must take (user_id)",
                f"console_boxes：`{each.title}` 的 {_called(each.show)} 参数应为 (user_id)",
            )


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
