"""The description matches the routes, and nothing is missing on either side."""

import json

import pytest

from myapi import create_app
from myapi.settings import Settings
from myapi.web.errors import REGISTRY, RETRY_AFTER
from myapi.web.openapi.description import describe, routes
from myapi.web.openapi.json_schema import enveloped
from tests.fixtures import KEY

SESSION_ERRORS = {"token_missing", "token_invalid", "session_ended", "user_banned"}
BODY_ERRORS = {"invalid_request", "payload_too_large", "unsupported_media_type"}
COMMON_ERRORS = {"internal_error", "development_only"}
PUSH_ERRORS = {
    *("invalid_request", "payload_too_large"),
    *("push_refused", "not_found", "service_unavailable"),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """An app without a database: describing it needs none."""
    return create_app(Settings(secret_keys=(KEY,), instance_path=tmp_path_factory.mktemp("app")))


@pytest.fixture(scope="module")
def description(app):
    return describe(app)


@pytest.fixture(scope="module")
def operations(description):
    return {
        operation["operationId"]: operation
        for item in description["paths"].values()
        for operation in item.values()
    }


@pytest.fixture(scope="module")
def validator(description):
    """Make validators of JSON Schemas that are anywhere in the description."""
    jsonschema_rs = pytest.importorskip("jsonschema_rs", reason="schemathesis needs Python 3.11")

    def make(schema):
        whole = {**schema, "components": description["components"]}
        return jsonschema_rs.Draft202012Validator(whole)

    return make


def errors_of(operation):
    """Return all errors of an operation with their statuses."""
    return {
        error: int(status)
        for status, response in operation["responses"].items()
        if status != "200"
        for error in response["content"]["application/json"]["schema"]["properties"]["error"][
            "enum"
        ]
    }


def test_every_route_is_described_and_nothing_else(app, description):
    routed = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower(), rule.endpoint)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if not rule.endpoint.startswith(("docs.", "console."))
    }
    described = {
        (path, method, operation["operationId"])
        for path, item in description["paths"].items()
        for method, operation in item.items()
    }
    assert described == routed


def test_description_has_the_registry_of_errors(description):
    assert description["x-myapi-errors"] == {
        name: {"status": kind.status, "code": kind.code, "msg": kind.msg, "msg_zh": kind.msg_zh}
        for name, kind in REGISTRY.items()
    }
    error = description["components"]["schemas"]["Error"]["properties"]
    assert error["error"]["enum"] == list(REGISTRY)
    assert error["code"]["enum"] == [kind.code for kind in REGISTRY.values()]


def test_every_error_is_described_for_some_route(operations):
    named = {error for operation in operations.values() for error in errors_of(operation)}
    assert named == REGISTRY.keys() - {"method_not_allowed"}  # which no route answers with


def test_every_error_is_described_under_its_status_with_its_code(operations):
    for operation in operations.values():
        for error, status in errors_of(operation).items():
            assert REGISTRY[error].status == status
        for status, response in operation["responses"].items():
            if status != "200":
                schema = response["content"]["application/json"]["schema"]["properties"]
                codes = [REGISTRY[error].code for error in schema["error"]["enum"]]
                assert schema["code"]["enum"] == codes


def test_errors_of_a_route_come_from_its_endpoint_its_access_rule_and_its_body(app, operations):
    for route in routes(app):
        expected = set(COMMON_ERRORS)
        if not hasattr(route.view, "access"):
            expected |= SESSION_ERRORS | {"service_unavailable"}
        if route.declared:
            expected |= set(route.declared.errors)
            expected |= BODY_ERRORS if route.declared.body or route.declared.file else set()
            expected |= {route.declared.file.invalid} if route.declared.file else set()
        if route.path == "/metrics" or route.path.startswith("/sandbox/"):
            local = hasattr(route.view, "access")
            expected |= {"not_found"} if local else set()  # for other machines
        if route.path == "/wechat/push":
            expected |= PUSH_ERRORS
        assert errors_of(operations[route.endpoint]).keys() == expected, route.path


def test_every_status_of_a_login_is_described(operations):
    statuses = {int(status) for status in operations["auth.login"]["responses"]}
    assert statuses == {200, 400, 403, 413, 415, 429, 500, 502, 503, 504}


def test_bearer_token_is_described_where_the_access_rule_requires_it(app, description, operations):
    assert description["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for route in routes(app):
        closed = not hasattr(route.view, "access")
        assert operations[route.endpoint].get("security", []) == [{"bearer": []}] * closed


def test_request_body_is_described_where_there_is_one(app, operations):
    for route in routes(app):
        body = operations[route.endpoint].get("requestBody")
        if route.declared and route.declared.body:
            name = route.declared.body.__name__
            reference = {"$ref": f"#/components/schemas/{name}"}
            assert body["required"]
            assert body["content"]["application/json"]["schema"] == reference
        elif route.declared and route.declared.file:
            schema = body["content"]["multipart/form-data"]["schema"]
            assert schema["required"] == list(schema["properties"]) == ["file"]
        else:
            assert body is None


def test_responses_are_described_in_their_envelope(operations):
    def answer(name):
        return operations[name]["responses"]["200"]["content"]

    user = {"$ref": "#/components/schemas/UserOut"}
    assert answer("me.show")["application/json"]["schema"] == enveloped(user)
    assert answer("auth.logout")["application/json"]["schema"] == enveloped({"type": "null"})
    hello = {"$ref": "#/components/schemas/Hello"}
    assert answer("hello.hello")["application/json"]["schema"] == hello
    picture = {"schema": {"type": "string", "format": "binary"}}
    assert answer("avatars.show") == {"image/jpeg": picture, "image/png": picture}
    assert answer("health.metrics") == {"text/plain": {"schema": {"type": "string"}}}


def test_all_fields_of_a_response_are_described_as_required(description):
    hello = description["components"]["schemas"]["Hello"]
    assert set(hello["required"]) == {"code", "msg", "time"}


def test_response_headers_are_described(operations):
    for operation in operations.values():
        for status, response in operation["responses"].items():
            expected = {"X-Request-Id"}
            expected |= {"WWW-Authenticate"} if status == "401" else set()
            expected |= {"Retry-After"} if int(status) in RETRY_AFTER else set()
            assert response["headers"].keys() == expected


def test_path_parameters_are_described(app, operations):
    for route in routes(app):
        parameters = operations[route.endpoint].get("parameters", [])
        assert [parameter["name"] for parameter in parameters] == list(route.arguments)
        assert all(f"{{{name}}}" in route.path for name in route.arguments)


def test_every_operation_and_tag_has_a_text(description, operations):
    tags = {tag["name"]: tag["description"] for tag in description["tags"]}
    assert all(tags.values())
    for operation in operations.values():
        assert operation["summary"].endswith(".")
        assert set(operation["tags"]) <= tags.keys()


def test_every_field_has_a_meaning(description):
    """A field that is an object, or a list of some, has that of the object's fields."""

    def has_meaning(field):
        parts = [field, field.get("items", {}), *field.get("anyOf", [])]
        return any("description" in part or "$ref" in part for part in parts)

    without = [
        f"{name}.{field}"
        for name, schema in description["components"]["schemas"].items()
        for field, described in schema["properties"].items()
        if not has_meaning(described)
    ]
    assert without == []


def test_description_is_valid_openapi(description):
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis needs Python 3.11")
    schemathesis.openapi.from_dict(description).validate()
    invalid = {**description, "paths": {"/api/hello": {"get": {"responses": 1}}}}
    with pytest.raises(ValueError, match='1 is not of type "object"'):
        schemathesis.openapi.from_dict(invalid).validate()


def test_every_schema_is_valid_json_schema(description, validator):
    for schema in description["components"]["schemas"].values():
        validator(schema)  # raises if it is invalid


def test_every_example_is_valid_for_its_schema(description, operations, validator):
    shown = 0
    for operation in operations.values():
        contents = [response["content"] for response in operation["responses"].values()]
        contents += [operation["requestBody"]["content"]] if "requestBody" in operation else []
        for content in contents:
            for media in content.values():
                examples = [one["value"] for one in media.get("examples", {}).values()]
                examples += [media["example"]] if "example" in media else []
                for example in examples:
                    validator(media["schema"]).validate(example)
                    shown += 1
    assert shown > 2 * len(operations)
    for schema in description["components"]["schemas"].values():
        for field in schema["properties"].values():
            for example in field.get("examples", ()):
                validator(field).validate(example)


def test_examples_are_not_empty(operations):
    example = operations["auth.list_sessions"]["responses"]["200"]["content"]["application/json"]
    (session,) = example["example"]["data"]["sessions"]
    assert all(session.values())


def test_description_is_deterministic(app, description):
    assert json.dumps(describe(app)) == json.dumps(description)


def test_limits_are_told_with_their_values(make_app):
    app = make_app(max_body_bytes=131072, request_timeout=45)
    with app.app_context():
        described = describe(app)
    limits = described["info"]["description"].split("\n\n")[-1]
    assert "131072 bytes" in limits
    assert "45 s" in limits
    chinese = app.test_client().get("/docs/zh.json").get_json()
    assert "131072 字节" in chinese[limits]
    too_large = described["paths"]["/api/me"]["put"]["responses"]["413"]
    assert too_large["description"] == "payload_too_large: a body of more than 131072 bytes"
    too_large = described["paths"]["/api/me/avatar"]["post"]["responses"]["413"]
    assert too_large["description"] == "payload_too_large: a body of more than 2113536 bytes"
