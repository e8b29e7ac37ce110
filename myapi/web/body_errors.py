"""Find which fields of a refused body break which rules.

msgspec decides whether a body is accepted. It names one fault, in words for programmers; so a
refused body is looked through here, by what `msgspec.inspect` says of its struct.
"""

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from itertools import chain, islice
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct, inspect

from myapi.web.errors import ApiError
from myapi.web.field_errors import FieldError
from myapi.web.similar_names import similar

#: An answer names so many; one more in a list of a thousand helps nobody.
MAX_ERRORS = 10


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


def errors_in(body: object, shape: type[Struct]) -> tuple[FieldError, ...]:
    """Return what is wrong with a refused body."""
    found = tuple(islice(_value(body, _kind(shape), Place("", {})), MAX_ERRORS))
    return found or tuple(_refused_fields(body, shape)) or (FieldError(""),)


@functools.cache
def known_fields(shape: type[Struct]) -> frozenset[str]:
    """Return the names of a struct's fields in JSON."""
    kind = _kind(shape)
    tag = (kind.tag_field,) if kind.tag_field else ()
    return frozenset((*(field.encode_name for field in kind.fields), *tag))


@functools.cache
def _kind(shape: type[Struct]) -> inspect.StructType:
    kind = inspect.type_info(shape)
    if isinstance(kind, inspect.Metadata):
        kind = kind.type
    assert isinstance(kind, inspect.StructType)  # noqa: S101 (for the type checker)
    return kind


def _refused_fields(body: object, shape: type[Struct]) -> Errors:
    """Find fields of types that are not looked into below, by asking msgspec for each."""
    for field in msgspec.structs.fields(shape):
        if isinstance(body, dict) and field.encode_name in body:
            try:
                msgspec.convert(body[field.encode_name], field.type)
            except msgspec.ValidationError:
                yield FieldError(field.encode_name, "format")


def _value(value: object, kind: inspect.Type, place: Place) -> Errors:
    choices = list(_choices(kind, place))
    fitting = [each for each in choices if _json_type(value) in _types(each[0])]
    if not fitting:
        yield place.breaks("type", _type_names(kind for kind, _ in choices))
    elif len(fitting) == 1:
        yield from _of_type(value, *fitting[0])
    else:
        yield from _one_of(value, fitting, place)


def _choices(kind: inspect.Type, place: Place) -> Iterator[tuple[inspect.Type, Place]]:
    """Yield the types of a union, each with its `extra`; without a union there is one."""
    if isinstance(kind, inspect.Metadata):
        extra = {**place.extra, **(kind.extra or {})}
        yield from _choices(kind.type, place._replace(extra=extra))
    elif isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from _choices(each, place)
    else:
        yield kind, place


def _one_of(value: object, choices: Sequence[tuple[inspect.Type, Place]], place: Place) -> Errors:
    """Check a value that several types of a union may be meant for."""
    kinds = [kind for kind, _ in choices]
    tagged = [kind for kind in kinds if isinstance(kind, inspect.StructType) and kind.tag]
    if isinstance(value, dict) and len(tagged) == len(kinds):
        yield from _tagged(value, tagged, place)
        return
    found = [list(_of_type(value, kind, at)) for kind, at in choices]
    if all(found):
        yield from found[0]


def _tagged(value: dict[str, Any], kinds: list[inspect.StructType], place: Place) -> Errors:
    name, tag = str(kinds[0].tag_field), value.get(str(kinds[0].tag_field))
    for kind in kinds:
        if kind.tag == tag:
            yield from _of_type(value, kind, place)
            return
    at = place.field(name)
    yield (
        at.breaks("enum", [kind.tag for kind in kinds]) if name in value else at.breaks("required")
    )


def _of_type(value: Any, kind: inspect.Type, place: Place) -> Errors:  # noqa: ANN401
    check = _CHECKS.get(type(kind))
    if check and not getattr(kind, "array_like", False):
        yield from check(value, kind, place)


def _string(value: str, kind: inspect.StrType, place: Place) -> Errors:
    """Check the length first: a pattern may take long for a long text."""
    too_long_or_short = list(_size(value, kind, place, "length"))
    yield from too_long_or_short
    if not too_long_or_short and kind.pattern and not re.search(kind.pattern, value):
        yield _format(place)


def _format(place: Place) -> FieldError:
    """Name the format as `Meta(extra={"format": …, "msg": …, "msg_zh": …})` does."""
    msg, msg_zh = place.extra.get("msg", ""), place.extra.get("msg_zh", "")
    name = place.extra.get("format", "own" if msg else None)
    return FieldError(place.path, "format", name, msg, msg_zh)


def _number(value: float, kind: inspect.IntType | inspect.FloatType, place: Place) -> Errors:
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


def _size(value: Any, kind: Any, place: Place, unit: str) -> Errors:  # noqa: ANN401
    if kind.min_length is not None and len(value) < kind.min_length:
        yield place.breaks(f"min_{unit}", kind.min_length)
    if kind.max_length is not None and len(value) > kind.max_length:
        yield place.breaks(f"max_{unit}", kind.max_length)


def _array(value: list[Any], kind: inspect.ListType, place: Place) -> Errors:
    yield from _size(value, kind, place, "items")
    for index, item in enumerate(value):
        yield from _value(item, kind.item_type, place.item(index))


def _tuple(value: list[Any], kind: inspect.TupleType, place: Place) -> Errors:
    size = len(kind.item_types)
    if len(value) != size:
        yield place.breaks("min_items" if len(value) < size else "max_items", size)
    for index, (item, item_kind) in enumerate(zip(value, kind.item_types, strict=False)):
        yield from _value(item, item_kind, place.item(index))


def _dict(value: dict[str, Any], kind: inspect.DictType, place: Place) -> Errors:
    """The names are the client's own, so none is repeated."""
    yield from _size(value, kind, place, "items")
    for name, item in value.items():
        yield from _value(name, kind.key_type, place.field("*"))
        yield from _value(item, kind.value_type, place.field("*"))


def _object(value: dict[str, Any], kind: inspect.StructType, place: Place) -> Errors:
    """Check an object; a TypedDict and a dataclass are described alike."""
    found = False
    for error in chain(_fields(value, kind, place), _unknown(value, kind, place)):
        found = True
        yield error
    if not found:
        yield from _own_rules(value, kind, place)


def _fields(value: dict[str, Any], kind: inspect.StructType, place: Place) -> Errors:
    tag = _tag_field(kind)
    if tag and value.get(tag, kind.tag) != kind.tag:
        yield place.field(tag).breaks("enum", [kind.tag])
    for field in kind.fields:
        at = place.field(field.encode_name)
        if field.encode_name in value:
            yield from _value(value[field.encode_name], field.type, at)
        elif field.required:
            yield at.breaks("required")


def _unknown(value: dict[str, Any], kind: inspect.StructType, place: Place) -> Errors:
    """Name unknown fields that are near a missing one, and refuse a body of unknown ones alone."""
    names = [field.encode_name for field in kind.fields]
    required = [field.encode_name for field in kind.fields if field.required]
    unknown = [name for name in value if name not in {*names, _tag_field(kind)}]
    alone = not place.path and 0 < len(unknown) == len(value)
    refused = alone or getattr(kind, "forbid_unknown_fields", False)
    candidates = [name for name in (names if refused else required) if name not in value]
    near = list(similar(unknown, candidates))
    for name, meant in near:
        yield place.field(name).breaks("unknown")._replace(did_you_mean=meant)
    if refused and unknown and names and not near and not (alone and required):
        yield place.breaks("unknown", names)


def _tag_field(kind: inspect.Type) -> str | None:
    return getattr(kind, "tag_field", None)


def _own_rules(value: dict[str, Any], kind: inspect.StructType, place: Place) -> Errors:
    """Ask the struct's `__post_init__`, which sees only fields that are right."""
    if not hasattr(kind.cls, "__post_init__"):
        return
    try:
        msgspec.convert(value, kind.cls)
    except msgspec.ValidationError:
        yield place.breaks("invalid")
    except ApiError as error:
        for each in error.fields:
            yield each._replace(field=place.field(each.field).path if each.field else place.path)


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


def _json_type(value: object) -> str:
    return _JSON_TYPES.get(type(value), "null")


def _types(kind: inspect.Type) -> tuple[str, ...]:
    """Return the JSON types that a type takes; all of them for one that is not known here."""
    known = None if getattr(kind, "array_like", False) else _TYPES.get(type(kind))
    return known or tuple(_JSON_TYPES.values())


def _type_names(kinds: Iterable[inspect.Type]) -> str | list[str]:
    """Return what is expected; that it may be null besides helps nobody who sent a number."""
    names = list(dict.fromkeys(_types(each)[-1] for each in kinds))
    names = [name for name in names if name != "null"] or names
    return names[0] if len(names) == 1 else names


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

_CHECKS: dict[type[inspect.Type], Callable[[Any, Any, Place], Errors]] = {
    inspect.StrType: _string,
    inspect.IntType: _number,
    inspect.FloatType: _number,
    inspect.ListType: _array,
    inspect.SetType: _array,
    inspect.FrozenSetType: _array,
    inspect.VarTupleType: _array,
    inspect.TupleType: _tuple,
    inspect.DictType: _dict,
    inspect.StructType: _object,
    inspect.TypedDictType: _object,
    inspect.DataclassType: _object,
    inspect.LiteralType: _choice,
    inspect.EnumType: _enum,
    inspect.DateTimeType: _formatted(datetime, "date_time"),
    inspect.DateType: _formatted(date, "date"),
    inspect.TimeType: _formatted(time, "time"),
    inspect.UUIDType: _formatted(UUID, "uuid"),
    inspect.BytesType: _formatted(bytes, "base64"),
}
