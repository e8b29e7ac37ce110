"""No route answers a wrong body in words of Python or msgspec, or repeats what was sent."""

import json

import msgspec
import pytest

from myapi.extend import Extension
from myapi.web.openapi.description import routes
from tests.web.shapes import SHAPES, bp

UNLIMITED = "1000000/minute"

WRONG = [None, True, 7, -1, 2**40, 0.5, "", "SECRET\n", "SECRET" * 20000, "\0", [], ["SECRET"], {}]
NEVER = ["Expected", "$.", "`", "matching", "regex", "SECRET", "NoneType", "Traceback", "^[", "]*$"]
PYTHON = [" str", " int ", " int.", "bool", "dict", "float", "bytes", "Struct", "datetime"]


def bodies(shape):
    """Yield bodies that are wrong in many ways."""
    fields = msgspec.structs.fields(shape)
    yield from ({}, [], "SECRET", 7, None, {"SECRET": 1}, {"SECRETS": {"a": "SECRET"}})
    for field in fields:
        for value in WRONG:
            yield {field.encode_name: value}
            yield {each.encode_name: value for each in fields}
        yield {field.encode_name.upper(): "SECRET"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("languages", ["en", "zh"])
def test_answers_to_wrong_bodies_are_for_persons(make_app, sign_in, languages):
    app = make_app(
        extension=Extension(blueprints=[bp]),
        max_body_bytes=2**22,
        rate_limit_login=UNLIMITED,
        rate_limit_login_failed=UNLIMITED,
        rate_limit_user=UNLIMITED,
    )
    alice = sign_in("alice", via=app.test_client())
    headers = {**alice.headers, "Accept-Language": languages}
    with app.app_context():
        taking = [route for route in routes(app) if route.declared and route.declared.body]
    assert len(taking) == len(SHAPES) + 5  # and those of myapi
    for route in taking:
        refused = 0
        for body in bodies(route.declared.body):
            response = alice.client.open(
                route.path,
                method=route.method,
                data=json.dumps(body),
                content_type="application/json",
                headers=headers,
            )
            answer = response.get_json()
            if answer.get("error") == "invalid_request":
                refused += 1
                assert answer["fields"]
                assert_plain(answer)
        assert refused >= 3, route.path


def assert_plain(answer):
    told = [answer["msg"], *(each["msg"] for each in answer["fields"])]
    for text in NEVER:
        assert text not in json.dumps(answer, ensure_ascii=False)
    for text in PYTHON:
        assert not any(text in sentence for sentence in told), answer
