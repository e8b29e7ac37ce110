"""Arbitrary input gets 200 or a registered error, never a 500, and refused input writes nothing."""

import json

import pytest
from sqlalchemy import text

from myapi.extensions import Base, db
from myapi.web.errors import REGISTRY

pytest.importorskip("hypothesis", reason="hypothesis needs Python 3.11")

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

UNLIMITED = "1000000/minute"

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

many_examples = settings(
    max_examples=200,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

names = st.sampled_from(
    ["code", "nickname", "avatar_url", "encryptedData", "iv", "rawData", "signature", "x"]
)
numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=40))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(names, values, max_size=4)
valid_json = st.one_of(values, objects).map(lambda value: json.dumps(value).encode())
damaged_json = st.builds(
    lambda body, at, more: body[: at % (len(body) + 1)] + more + body[at % (len(body) + 1) :],
    valid_json,
    st.integers(0, 500),
    st.binary(max_size=4),
)
bodies = st.one_of(st.binary(max_size=200), valid_json, damaged_json)
content_types = st.one_of(
    st.just("application/json"),
    st.sampled_from(
        ["application/json; charset=utf-8", "application/json; charset=x", "", "text/x"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
)

INVALID_BODIES = [
    b"",
    b"null",
    b"[]",
    b"\xef\xbb\xbf{}",
    b'{"code": "a", "code": "b"}',
    b'{"code": "\\ud800", "nickname": "\\ud800"}',
    b'{"code": 1e999, "nickname": NaN}',
    b'{"code": ' + b"9" * 5000 + b"}",
    b'{"nickname": ' + b"[" * 30000,
    b'{"nickname": ' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"code": "' + b"a" * 30000 + b'", "nickname": "' + b"a" * 30000 + b'"}',
    '{"nickname": "é"}'.encode("latin-1"),
    '{"nickname": "é"}'.encode("utf-16"),
    b" " * 70000,
]


@pytest.fixture
def app(make_app):
    return make_app(
        rate_limit_login=UNLIMITED, rate_limit_login_failed=UNLIMITED, rate_limit_user=UNLIMITED
    )


@pytest.fixture
def rows(app):
    """Return a function that reads all rows of all tables."""

    def read():
        with app.app_context(), db.engine.connect() as connection:
            return [
                connection.execute(text(f"SELECT * FROM {table} ORDER BY 1")).all()
                for table in Base.metadata.sorted_tables
            ]

    return read


@pytest.fixture
def phone(sign_in):
    signed_in = sign_in()
    signed_in.get("/api/me")  # so that the last use of the session is already recorded
    return signed_in


def assert_registered_answer(response, *statuses):
    body = response.get_json()
    assert response.status_code in statuses, response.text
    if response.status_code == 200:
        assert body["code"] == 0
        return
    kind = REGISTRY[body["error"]]
    assert (kind.status, kind.code) == (response.status_code, body["code"])
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert ("WWW-Authenticate" in response.headers) == (response.status_code == 401)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/auth/login"), ("PUT", "/api/me"), ("POST", "/api/me/decrypt")],
)
@many_examples
@given(body=bodies, content_type=content_types)
def test_arbitrary_body_gets_a_registered_answer(phone, rows, method, path, body, content_type):
    before = rows()
    response = phone.client.open(
        path, method=method, data=body, content_type=content_type, headers=phone.headers
    )
    assert_registered_answer(response, 200, 400, 413, 415)
    if response.status_code != 200:
        assert rows() == before


@pytest.mark.parametrize("body", INVALID_BODIES, ids=lambda body: ascii(body[:24]))
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/auth/login"), ("PUT", "/api/me"), ("POST", "/api/me/decrypt")],
)
def test_invalid_body_is_refused(phone, rows, method, path, body):
    before = rows()
    response = phone.client.open(
        path, method=method, data=body, content_type="application/json", headers=phone.headers
    )
    assert_registered_answer(response, 400, 413)
    assert rows() == before


schemes = st.sampled_from(["Bearer ", "bearer  ", "BEARER\t", "Bearer", "Basic ", ""])
latin = st.text(st.characters(max_codepoint=255), max_size=60)


@many_examples
@given(scheme=schemes, value=latin)
@example(scheme="Bearer ", value="." * 5000)
@example(scheme="Bearer ", value="\x00.\x00")
@example(scheme="Bearer ", value="é.é")
def test_arbitrary_authorization_is_refused(phone, rows, scheme, value):
    before = rows()
    response = phone.client.get("/api/me", environ_overrides={"HTTP_AUTHORIZATION": scheme + value})
    assert_registered_answer(response, 401)
    assert rows() == before


@many_examples
@given(at=st.integers(0, 200), cut=st.integers(0, 3), more=latin)
def test_changed_token_is_refused_unless_it_decodes_to_the_same(phone, rows, at, cut, more):
    at %= len(phone.token)
    token = phone.token[:at] + more + phone.token[at + cut :]
    before = rows()
    response = phone.client.get(
        "/api/me", environ_overrides={"HTTP_AUTHORIZATION": f"Bearer {token}"}
    )
    assert_registered_answer(response, 200, 401)
    if (
        response.status_code == 200
    ):  # base64 skips other characters; its last character has unused bits
        assert response.get_json()["data"] == phone.user
        assert token.strip(" ").startswith(phone.token.partition(".")[0] + ".")
    assert rows() == before


@many_examples
@given(session=st.text(max_size=40))
@example(session="\x00")
@example(session="é")
def test_arbitrary_session_id_is_not_found(phone, rows, session):
    before = rows()
    response = phone.client.delete(
        "/api/auth/sessions/x",
        headers=phone.headers,
        environ_overrides={
            "PATH_INFO": f"/api/auth/sessions/x{session}".encode().decode("latin-1")
        },
    )
    assert_registered_answer(response, 404)
    assert rows() == before
