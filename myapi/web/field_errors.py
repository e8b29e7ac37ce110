"""An error of one field of a body, and its words in the response."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from myapi.web.field_texts import BODY, COMMA, DID_YOU_MEAN, FORMATS, OR, RULES, TYPES, Text

Limit = float | str | Sequence[Any]


class FieldError(NamedTuple):
    """One field that breaks one rule.

    `field` is its path, such as `items[2].name`; empty: the body as a whole. `limit` is what the
    rule asks for: a number, the name of a type or format, or a list of allowed values. A rule of
    your own needs `msg` and `msg_zh`, whole sentences that never repeat what the client sent.
    """

    field: str
    rule: str = "invalid"
    limit: Limit | None = None
    msg: str = ""
    msg_zh: str = ""
    did_you_mean: str = ""  # a field that is known, where `field` is not


def sentence(error: FieldError, *, chinese: bool = False) -> str:
    """Return what is wrong, for a person."""
    own = error.msg_zh if chinese else error.msg
    if own:
        return own
    template, body = _template(error)[chinese], BODY[chinese]
    if not error.field:
        template = template.replace("{field} ", body if chinese else f"{body} ")
    return template.format(
        field=error.field, limit=_limit(error, chinese), did_you_mean=error.did_you_mean
    )


def described(error: FieldError, *, chinese: bool = False) -> dict[str, Any]:
    """Return an item of `fields` in the answer."""
    item: dict[str, Any] = {"field": error.field, "rule": error.rule}
    if error.limit is not None:
        item["limit"] = error.limit
    if error.did_you_mean:
        item["did_you_mean"] = error.did_you_mean
    return {**item, "msg": sentence(error, chinese=chinese)}


def _template(error: FieldError) -> Text:
    if error.rule == "format" and isinstance(error.limit, str):
        return FORMATS.get(error.limit, RULES["format"])
    if error.rule == "unknown" and error.did_you_mean:
        return DID_YOU_MEAN
    return RULES.get(error.rule, RULES["invalid"])


def _limit(error: FieldError, chinese: bool) -> str:
    limit = error.limit
    texts = [limit] if isinstance(limit, str) or not isinstance(limit, Sequence) else limit
    if error.rule == "type":
        return OR[chinese].join(_text_of(TYPES, name)[chinese] for name in texts)
    return COMMA[chinese].join(map(str, texts))


def _text_of(texts: Mapping[str, Text], name: object) -> Text:
    return texts.get(str(name), Text(str(name), str(name)))
