"""The rules for single values: types, lengths, ranges, choices and formats."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import inspect

from myapi.web.field_errors import FieldError


class Place(NamedTuple):
    """A place in the body. `extra` is that of its `Meta`."""

    path: str
    extra: Mapping[str, Any]

    def field(self, name: str) -> "Place":
        return Place(f"{self.path}.{name}" if self.path else name, {})

    def item(self, index: int) -> "Place":
        return Place(f"{self.path}[{index}]", {})

    def breaks(self, rule: str, limit: Any = None) -> FieldError:  # noqa: ANN401
        return FieldError(self.path, rule, limit)


Errors = Iterator[FieldError]


def json_type(value: object) -> str:
    return _JSON_TYPES.get(type(value), "null")


def types_of(kind: inspect.Type) -> tuple[str, ...]:
    """Return the JSON types that a type takes; all of them for one that is not known here."""
    known = None if getattr(kind, "array_like", False) else _TYPES.get(type(kind))
    return known or tuple(_JSON_TYPES.values())


def type_names(kinds: Iterable[inspect.Type]) -> str | list[str]:
    """Return the expected types. `null` is left out if there are others."""
    names = list(dict.fromkeys(types_of(each)[-1] for each in kinds))
    names = [name for name in names if name != "null"] or names
    return names[0] if len(names) == 1 else names


def _string(value: str, kind: inspect.StrType, place: Place) -> Errors:
    """Check the length first: a pattern may take long for a long text."""
    too_long_or_short = list(size(value, kind, place, "length"))
    yield from too_long_or_short
    if not too_long_or_short and kind.pattern and not re.search(kind.pattern, value):
        yield _format(place)


def _format(place: Place) -> FieldError:
    """Name the format as `Meta(extra={"format": …, "msg": …, "msg_zh": …})` does."""
    msg, msg_zh = place.extra.get("msg", ""), place.extra.get("msg_zh", "")
    name = place.extra.get("format", "own" if msg else None)
    return FieldError(place.path, "format", name, msg, msg_zh)


def _number(value: float, kind: inspect.IntType | inspect.FloatType, place: Place) -> Errors:
    if isinstance(kind, inspect.FloatType) and not _is_float(value):
        yield place.breaks("type", "number")
        return
    if kind.ge is not None and value < kind.ge:
        yield place.breaks("minimum", kind.ge)
    if kind.gt is not None and value <= kind.gt:
        yield place.breaks("exclusive_minimum", kind.gt)
    if kind.le is not None and value > kind.le:
        yield place.breaks("maximum", kind.le)
    if kind.lt is not None and value >= kind.lt:
        yield place.breaks("exclusive_maximum", kind.lt)
    if kind.multiple_of is not None and value % kind.multiple_of:
        yield place.breaks("multiple_of", kind.multiple_of)


def _is_float(value: float) -> bool:
    """Whether it is no whole number that is too large for one."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def size(value: Any, kind: Any, place: Place, unit: str) -> Errors:  # noqa: ANN401
    if kind.min_length is not None and len(value) < kind.min_length:
        yield place.breaks(f"min_{unit}", kind.min_length)
    if kind.max_length is not None and len(value) > kind.max_length:
        yield place.breaks(f"max_{unit}", kind.max_length)


def _choice(value: object, kind: inspect.LiteralType, place: Place) -> Errors:
    yield from _among(value, kind.values, place)


def _enum(value: object, kind: inspect.EnumType, place: Place) -> Errors:
    yield from _among(value, [member.value for member in kind.cls], place)


def _among(value: object, choices: Iterable[Any], place: Place) -> Errors:
    allowed = [each for each in choices if each is not None]
    if not any(type(value) is type(each) and value == each for each in allowed):
        yield place.breaks("enum", allowed)


def _formatted(type_: Any, name: str) -> Callable[[Any, Any, Place], Errors]:  # noqa: ANN401
    def check(value: object, _kind: inspect.Type, place: Place) -> Errors:
        try:
            msgspec.convert(value, type_)
        except msgspec.ValidationError:
            yield place.breaks("format", name)

    return check


_JSON_TYPES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}

_TYPES: dict[type[inspect.Type], tuple[str, ...]] = {
    inspect.StrType: ("string",),
    inspect.IntType: ("integer",),
    inspect.FloatType: ("integer", "number"),
    inspect.BoolType: ("boolean",),
    inspect.NoneType: ("null",),
    inspect.ListType: ("array",),
    inspect.SetType: ("array",),
    inspect.FrozenSetType: ("array",),
    inspect.VarTupleType: ("array",),
    inspect.TupleType: ("array",),
    inspect.DictType: ("object",),
    inspect.StructType: ("object",),
    inspect.TypedDictType: ("object",),
    inspect.DataclassType: ("object",),
    inspect.DateTimeType: ("string",),
    inspect.DateType: ("string",),
    inspect.TimeType: ("string",),
    inspect.UUIDType: ("string",),
    inspect.BytesType: ("string",),
}

#: What holds for a value of the right type.
RULES: dict[type[inspect.Type], Callable[[Any, Any, Place], Errors]] = {
    inspect.StrType: _string,
    inspect.IntType: _number,
    inspect.FloatType: _number,
    inspect.LiteralType: _choice,
    inspect.EnumType: _enum,
    inspect.DateTimeType: _formatted(datetime, "date_time"),
    inspect.DateType: _formatted(date, "date"),
    inspect.TimeType: _formatted(time, "time"),
    inspect.UUIDType: _formatted(UUID, "uuid"),
    inspect.BytesType: _formatted(bytes, "base64"),
}
