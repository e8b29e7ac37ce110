"""The JSON Schemas of bodies accept exactly what the validator accepts."""

import msgspec
import pytest

from myapi.auth.schemas import LoginRequest
from myapi.users.schemas import DecryptRequest, ProfileRequest
from myapi.web.body import convert
from myapi.web.errors import ApiError
from myapi.web.field_texts import RULES
from myapi.web.openapi.json_schema import incoming
from myapi.web.sandbox import EncryptRequest, FaultRequest

pytest.importorskip("schemathesis", reason="schemathesis needs Python 3.11")

import jsonschema_rs  # installed with schemathesis, as is hypothesis
from hypothesis import example, given, settings
from hypothesis import strategies as st

HOSTS = ["a.example", "A-b_c.", "[::1]", "[", "]", "a b", "", "user@a", "例.cn", "a:1", "a:123456"]
texts = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(max_codepoint=0x7F), max_size=40),
    st.builds(lambda text, end: text + end, st.text(max_size=33), st.sampled_from(["\n", "\x85"])),
    st.builds(lambda char, count: char * count, st.characters(), st.sampled_from([31, 32, 33])),
    st.builds(
        lambda scheme, host, rest: f"{scheme}://{host}{rest}",
        st.sampled_from(["https", "http", "HTTPS", " https"]),
        st.sampled_from(HOSTS),
        st.one_of(st.just(""), st.text(max_size=5).map("/".__add__), st.text(max_size=5)),
    ),
    st.sampled_from(
        ["slow", "slow\n", "slower", "-1", "45011", "1234567890", "x" * 256, "x" * 257]
    ),
)
values = st.one_of(
    texts,
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([-(10**9), 10**9, 2**31 - 1, 2**31]),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def bodies(shape):
    names = [field.encode_name for field in msgspec.structs.fields(shape)]
    fields = st.dictionaries(st.sampled_from(names), values)
    others = st.dictionaries(st.text(max_size=3).filter(lambda name: name not in names), values)
    return st.builds(lambda some, more: {**more, **some}, fields, others)


def agree(shape, body):
    """Return whether a body is accepted; assert that schema and validator agree."""
    components = {}
    schema = {**incoming(shape, components), "components": {"schemas": components}}
    allowed = jsonschema_rs.Draft202012Validator(schema).is_valid(body)
    broken = None
    try:
        convert(body, shape)
    except ApiError as error:
        broken = {each.rule for each in error.fields}
    accepted = broken is None
    assert accepted == allowed, body
    assert accepted or broken <= RULES.keys() - {"invalid"}, body  # it is known what is wrong
    return accepted


thoroughly = settings(max_examples=300, derandomize=True, database=None, deadline=None)


@thoroughly
@given(bodies(LoginRequest))
@example({"code": "a\n"})
@example({"code": " "})
@example({"code": "x" * 256})
def test_login_schema_agrees_with_validation(body):
    agree(LoginRequest, body)


@thoroughly
@given(bodies(ProfileRequest))
@example({"avatar_url": "https://a.example/1.png\n"})
@example({"avatar_url": "https://user@a.example/"})
@example({"nickname": "𝄞" * 32})
@example({"nickname": "𝄞" * 33})
def test_profile_schema_agrees_with_validation(body):
    agree(ProfileRequest, body)


@thoroughly
@given(bodies(DecryptRequest))
@example({"encryptedData": "a", "iv": "b", "rawData": "c"})
@example({"encryptedData": "a", "iv": "b", "rawData": "c", "signature": None})
@example({"encryptedData": "a", "iv": "b", "rawData": "c", "signature": "d\n"})
@example({"encryptedData": "a", "iv": "b", "rawData": None, "signature": None})
def test_decrypt_schema_agrees_with_validation(body):
    agree(DecryptRequest, body)


@thoroughly
@given(bodies(EncryptRequest))
def test_encrypt_schema_agrees_with_validation(body):
    agree(EncryptRequest, body)


@thoroughly
@given(bodies(FaultRequest))
@example({"kind": "slow\n", "times": 1})
def test_fault_schema_agrees_with_validation(body):
    agree(FaultRequest, body)


@pytest.mark.parametrize(
    ("body", "accepted"),
    [
        ({"avatar_url": "https://thirdwx.qlogo.cn/mmopen/vi_32/Q0j4TwGTfTK/132"}, True),
        ({"avatar_url": "https://a.example:8443/a?b=%20#c"}, True),
        ({"avatar_url": "https://[::1]/"}, True),
        ({"avatar_url": "https://"}, False),
        ({"avatar_url": "https://a@b/"}, False),
        ({"avatar_url": "https://a.example/ä"}, False),
        ({"avatar_url": "http://a.example/"}, False),
        ({"nickname": "一" * 32, "avatar_url": None}, True),
        ({"nickname": "a\u2028b"}, False),
        ({"nickname": ""}, False),
        ({"nickname": " \u3164\u200d\U000e0041"}, False),
        ({"nickname": " \u3164a\u200d"}, True),
        ({"nickname": "a\nb"}, False),
        ({}, True),
        ({"nickName": "a"}, False),
        ({"nickName": "a", "nickname": "b"}, True),
    ],
)
def test_profile_schema_and_validation_accept_or_refuse(body, accepted):
    assert agree(ProfileRequest, body) == accepted
