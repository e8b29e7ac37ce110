"""What is told of a refused body agrees with msgspec, which alone decides what is refused."""

import json
import re

import msgspec
import pytest

from myapi.extend import ApiError
from myapi.web.body import convert
from myapi.web.body.find_errors import MAX_ERRORS
from myapi.web.field_errors import described
from tests.web.body.shapes import Everything

pytest.importorskip("hypothesis", reason="hypothesis needs Python 3.11")

from hypothesis import example, given, settings
from hypothesis import strategies as st

SENT = "SENT BY THE CLIENT"
TYPES = {field.encode_name: field.type for field in msgspec.structs.fields(Everything)}

right_or_nearly = st.sampled_from(
    [
        *(1, 1.0, 0.5, "a", "ab", "A1", "red", "1", True, [1, "a"], {"a": 1}, {"name": "a"}),
        *({"width": 1}, {"type": "card", "number": "1"}, {"type": "cash", "amount": "1"}),
        *("2026-01-31T08:30:00Z", "2026-01-31T08:30:00", "2026-01-31", [{"starts": 1}]),
        *("5f0c2a9d-8e7b-4c1f-9a6d-9e0200000000", "QQ==", 10**400, -(10**400), SENT, {SENT: SENT}),
    ]
)
numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
scalars = st.one_of(right_or_nearly, st.none(), numbers, st.text(max_size=5))
names = st.sampled_from(["name", "starts", "ends", "width", "type", "number", "amount", SENT])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
bodies = st.dictionaries(st.sampled_from(list(TYPES)), values, min_size=1, max_size=6)


@settings(max_examples=400, derandomize=True, database=None, deadline=None)
@given(bodies)
@example({"number": 0, "zoned": "2026-01-31T08:30:00"})
def test_told_are_the_fields_that_are_refused_and_never_what_was_sent(body):
    refused = {name for name, value in body.items() if _is_refused(value, TYPES[name])}
    try:
        convert(body, Everything)
        errors = ()
    except ApiError as error:
        errors = error.fields
    told = {re.split(r"[.\[]", error.field)[0] for error in errors}
    assert told <= refused
    assert told == refused or len(errors) == MAX_ERRORS
    for error in errors:
        assert SENT not in json.dumps([described(error), described(error, chinese=True)])


def _is_refused(value, type_):
    try:
        msgspec.convert(value, type_)
    except (msgspec.ValidationError, ApiError):
        return True
    return False
