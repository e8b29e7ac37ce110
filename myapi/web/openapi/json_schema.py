"""JSON Schemas of structs, each with a valid example."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from myapi.web.body import errors_in
from myapi.web.errors import ErrorSpec
from myapi.web.field_errors import described
from myapi.web.field_texts import RULES

Schema = dict[str, Any]
Components = dict[str, Schema]

COMPONENTS = "#/components/schemas/"


def incoming(shape: type[msgspec.Struct], components: Components) -> Schema:
    """Describe a request body: if no field is required, it is empty or has a known one."""
    schema = _schema(shape, components)
    component = components[shape.__name__]
    if not component.get("required") and component["properties"]:
        known = [{"required": [name]} for name in component["properties"]]
        component["anyOf"] = [{"maxProperties": 0}, *known]
    component |= getattr(shape, "extra_json_schema", {})
    return schema


def outgoing(shape: Any, components: Components) -> Schema:  # noqa: ANN401
    """Describe a response: all fields of a struct are always present, also those with a default."""
    sent: Components = {}
    schema = _schema(shape, sent)
    for component in sent.values():
        component["required"] = list(component["properties"])
    components |= sent
    return schema


def enveloped(data: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {"code": {"const": 0}, "msg": {"const": "ok"}, "data": data},
        "required": ["code", "msg", "data"],
    }


def error_schema(errors: Mapping[str, ErrorSpec]) -> Schema:
    return {
        "title": "Error",
        "description": "Every error response.",
        "type": "object",
        "properties": {
            "code": {
                "enum": [spec.code for spec in errors.values()],
                "description": "A stable number; its first three digits are the status.",
            },
            "error": {"enum": list(errors), "description": "A stable name."},
            "msg": {
                "type": "string",
                "description": "A message for people, in Chinese if Accept-Language prefers it.",
            },
            "request_id": {"type": "string", "description": "The id of the request in the log."},
            "fields": {
                "type": "array",
                "minItems": 1,
                "items": _FIELD_ERROR,
                "description": "What is wrong with the body, where that is the error.",
            },
        },
        "required": ["code", "error", "msg", "request_id"],
    }


def error_example(name: str, spec: ErrorSpec, body: type[msgspec.Struct] | None) -> Schema:
    """Make the response of an error of a route; `body` is what the route takes."""
    shown = {"code": spec.code, "error": name, "msg": spec.msg, "request_id": "4f9c2d7a1be03586"}
    if name != "invalid_request" or body is None or not msgspec.structs.fields(body):
        return shown
    fields = msgspec.structs.fields(body)
    wrong: Schema = {} if any(field.required for field in fields) else {fields[0].encode_name: {}}
    found = [described(error) for error in errors_in(wrong, body)]
    return {**shown, "msg": " ".join(each["msg"] for each in found), "fields": found}


def example(schema: Schema, components: Components) -> Any:  # noqa: ANN401
    """Make a value that is valid for a schema, from the examples of its fields."""
    if "$ref" in schema:
        return example(components[schema["$ref"].removeprefix(COMPONENTS)], components)
    if "anyOf" in schema and "properties" not in schema:
        return example(schema["anyOf"][0], components)
    if values := schema.get("examples") or schema.get("enum"):
        return values[0]
    if "const" in schema:
        return schema["const"]
    make = _EXAMPLES.get(schema.get("type", ""))
    return make(schema, components) if make else None


def _schema(shape: Any, components: Components) -> Schema:  # noqa: ANN401
    (schema,), found = msgspec.json.schema_components([shape], ref_template=COMPONENTS + "{name}")
    components |= found
    return schema


def _example_object(schema: Schema, components: Components) -> Schema:
    """Make an object with all required fields, and optional ones that have an example."""
    return {
        name: example(field, components)
        for name, field in schema.get("properties", {}).items()
        if name in schema["required"] or "examples" in field.get("anyOf", [field])[0]
    }


_FIELD_ERROR: Schema = {
    "type": "object",
    "properties": {
        "field": {
            "type": "string",
            "description": "Its path, such as `items[2].name`; empty: the body as a whole.",
        },
        "rule": {
            "type": "string",
            "description": f"A stable name: {', '.join(f'`{rule}`' for rule in RULES)}.",
        },
        "limit": {
            "anyOf": [
                {"type": "number"},
                {"type": "string"},
                {"type": "array", "items": {"anyOf": [{"type": "number"}, {"type": "string"}]}},
            ],
            "description": "What the rule asks for, where it has a number, a name or a list.",
        },
        "did_you_mean": {
            "type": "string",
            "description": "The known field that is nearest to an unknown one.",
        },
        "msg": {"type": "string", "description": "A sentence for people, in the same language."},
    },
    "required": ["field", "rule", "msg"],
}

_EXAMPLES: dict[str, Callable[[Schema, Components], Any]] = {
    "object": _example_object,
    "array": lambda schema, components: [example(schema["items"], components)],
    "string": lambda schema, _: schema.get("default", "x" * schema.get("minLength", 0)),
    "integer": lambda schema, _: schema.get("default", schema.get("minimum", 0)),
    "number": lambda schema, _: schema.get("default", schema.get("minimum", 0)),
    "boolean": lambda *_: True,
    "null": lambda *_: None,
}
