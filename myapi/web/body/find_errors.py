"""Find which fields of a refused body break which rules.

msgspec decides whether a body is accepted. It names one fault, in words for programmers; so a
refused body is looked through here, by what `msgspec.inspect` says of its struct.
"""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec
from msgspec import Struct, inspect

from myapi.web.body.similar_names import similar
from myapi.web.body.value_rules import RULES, Errors, Place, json_type, size, type_names, types_of
from myapi.web.errors import ApiError
from myapi.web.field_errors import FieldError

#: A response names at most so many errors.
MAX_ERRORS = 10


def errors_in(body: object, shape: type[Struct]) -> tuple[FieldError, ...]:
    """Return what is wrong with a refused body."""
    found: list[FieldError] = []
    for error in chain(_value(body, _kind(shape), Place("", {})), _refused(body, shape, found)):
        if error not in found:  # the values of a dict share one name
            found.append(error)
        if len(found) == MAX_ERRORS:
            break
    return tuple(found) or (FieldError(""),)


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


def _refused(body: object, shape: type[Struct], found: Sequence[FieldError]) -> Errors:
    """Ask msgspec for each field that is not in `found`: some types are not looked into below."""
    named = {re.split(r"[.\[]", error.field)[0] for error in found}
    for field in msgspec.structs.fields(shape):
        name = field.encode_name
        if isinstance(body, dict) and name in body and name not in named:
            try:
                msgspec.convert(body[name], field.type)
            except (msgspec.ValidationError, ApiError):
                yield FieldError(name, "format")


def _value(value: object, kind: inspect.Type, place: Place) -> Errors:
    choices = list(_choices(kind, place))
    fitting = [each for each in choices if json_type(value) in types_of(each[0])]
    if not fitting:
        yield place.breaks("type", type_names(kind for kind, _ in choices))
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
    if name in value:
        yield place.field(name).breaks("enum", [kind.tag for kind in kinds])
    else:
        yield place.field(name).breaks("required")


def _of_type(value: Any, kind: inspect.Type, place: Place) -> Errors:  # noqa: ANN401
    check = _CHECKS.get(type(kind))
    if check and not getattr(kind, "array_like", False):
        yield from check(value, kind, place)


def _array(value: list[Any], kind: inspect.ListType, place: Place) -> Errors:
    yield from size(value, kind, place, "items")
    for index, item in enumerate(value):
        yield from _value(item, kind.item_type, place.item(index))


def _tuple(value: list[Any], kind: inspect.TupleType, place: Place) -> Errors:
    count = len(kind.item_types)
    if len(value) != count:
        yield place.breaks("min_items" if len(value) < count else "max_items", count)
    for index, (item, item_kind) in enumerate(zip(value, kind.item_types, strict=False)):
        yield from _value(item, item_kind, place.item(index))


def _dict(value: dict[str, Any], kind: inspect.DictType, place: Place) -> Errors:
    """The names are the client's own, so none is repeated."""
    yield from size(value, kind, place, "items")
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
    known = {*names, _tag_field(kind)}
    unknown = [name for name in value if name not in known]
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


#: What is looked into; for all other types there are rules alone.
_CHECKS: dict[type[inspect.Type], Callable[[Any, Any, Place], Errors]] = {
    **RULES,
    inspect.ListType: _array,
    inspect.SetType: _array,
    inspect.FrozenSetType: _array,
    inspect.VarTupleType: _array,
    inspect.TupleType: _tuple,
    inspect.DictType: _dict,
    inspect.StructType: _object,
    inspect.TypedDictType: _object,
    inspect.DataclassType: _object,
}
