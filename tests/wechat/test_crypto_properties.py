"""Property tests of decryption and of `harmless`, with generated data."""

import base64
import contextlib

import pytest

from myapi.wechat import DecryptError, decrypt_user_data, encrypt_user_data
from myapi.wechat.replies import harmless

pytest.importorskip("hypothesis", reason="hypothesis needs Python 3.11")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# A slow machine must not fail these tests.
no_deadline = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

APPID = "wx-ours"
KEY = "tiihtNczf5v6AKRyjwEUhQ=="
IV = "r7BXXKkLb8qrSNn05n0qiA=="
WATERMARK = {"appid": APPID, "timestamp": 1_477_314_187}

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | text
json_objects = st.dictionaries(
    text,
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=4,
    ),
    max_size=4,
)
encoded = st.binary(max_size=100).map(lambda data: base64.b64encode(data).decode())
anything = scalars | st.text() | st.binary() | encoded | st.lists(st.integers())


@no_deadline
@given(json_objects, st.binary(min_size=16, max_size=16))
def test_encrypted_data_decrypts(data, key):
    data["watermark"] = WATERMARK
    session_key = base64.b64encode(key).decode()
    assert decrypt_user_data(session_key, *encrypt_user_data(session_key, data), APPID) == data


@no_deadline
@given(anything, anything, anything, anything)
def test_invalid_arguments_raise_only_decrypt_error(session_key, data, iv, appid):
    with pytest.raises(DecryptError):
        decrypt_user_data(session_key, data, iv, appid)


@no_deadline
@given(st.binary(min_size=1, max_size=8).map(lambda blocks: blocks * 16))
def test_random_blocks_raise_only_decrypt_error(blocks):
    with pytest.raises(DecryptError):
        decrypt_user_data(KEY, base64.b64encode(blocks).decode(), IV, APPID)


@no_deadline
@given(st.integers(0, 127), st.integers(1, 255))
def test_one_changed_byte_is_refused_or_keeps_the_appid(position, change):
    encrypted, iv = encrypt_user_data(KEY, {"nickName": "x" * 30, "watermark": WATERMARK})
    ciphertext = bytearray(base64.b64decode(encrypted))
    ciphertext[position % len(ciphertext)] ^= change
    with contextlib.suppress(DecryptError):
        data = decrypt_user_data(KEY, base64.b64encode(ciphertext).decode(), iv, APPID)
        assert data["watermark"]["appid"] == APPID


@no_deadline
@given(st.text(), st.lists(st.text(min_size=1)))
def test_harmless_text_is_short_and_printable(errmsg, hide):
    result = harmless(errmsg, hide)
    assert len(result) <= 200
    assert result.isprintable()


@no_deadline
@given(text, st.text("abc", min_size=3), text)
def test_harmless_text_hides_the_secret(before, secret, after):
    assert secret not in harmless(before + secret + after, [secret])
