"""Decryption of WeChat's data, and signatures: one error type for every cause."""

import base64
import json
import traceback

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from myapi.wechat import (
    DecryptError,
    check_raw_data,
    crypto,
    decrypt_user_data,
    encrypt_user_data,
    sign_raw_data,
    user_signature,
)

APPID = "wx4f4bc4dec97d474b"
KEY = "tiihtNczf5v6AKRyjwEUhQ=="
IV = "r7BXXKkLb8qrSNn05n0qiA=="
DATA = (
    "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC"
    "+oNPdbB+3hVbJSRgv+4lGOETKUQz6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poO"
    "FtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8"
    "xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB"
    "6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJd"
    "NiKdYmYVoKlaRv85IfVunYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOy"
    "uxINew=="
)
NOW = 1_477_314_187
WATERMARK = {"appid": APPID, "timestamp": NOW}


def encrypt(padded, key=KEY):
    encryptor = Cipher(AES(base64.b64decode(key)), CBC(base64.b64decode(IV))).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def pad(plain):
    count = 16 - len(plain) % 16
    return plain + bytes([count]) * count


def round_trip(data, **options):
    """Encrypt an object or bytes, and decrypt the result."""
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return decrypt_user_data(KEY, encrypt(pad(text)), IV, APPID, **options)


def decrypt_error(*arguments, **options):
    """Return the DecryptError that decrypt_user_data raises."""
    with pytest.raises(DecryptError) as caught:
        decrypt_user_data(*arguments, **options)
    return caught.value


def test_public_demo_vector_decrypts():
    data = decrypt_user_data(KEY, DATA, IV, APPID)
    assert data["openId"] == "oGZUI0egBJY1zhBYw2KhdUfwVJJE"
    assert data["nickName"] == "Band"
    assert data["watermark"] == WATERMARK


def test_encrypted_data_decrypts_and_has_a_random_iv():
    data = {"nickName": "小明😀", "watermark": WATERMARK}
    encrypted, iv = encrypt_user_data(KEY, data)
    assert decrypt_user_data(KEY, encrypted, iv, APPID) == data
    assert encrypt_user_data(KEY, data) != (encrypted, iv)


@pytest.mark.parametrize("size", range(15, 34))
def test_every_padding_length_decrypts(size):
    text = json.dumps({"watermark": WATERMARK}).encode()
    assert round_trip(text + b" " * size)["watermark"] == WATERMARK


INVALID_BASE64 = [
    None,
    7,
    True,
    b"bytes",
    ["list"],
    1.5,
    "",
    "a",
    "####",
    "é" * 24,
    "\ud800",
    "\0",
    "tiihtNczf5v6AKRyjwEUhQ",
    "tiihtNczf5v6AKRyjwEUhQ=",
    "tiihtNczf5v6AKRyjwEUhQ==\n",
    " tiihtNczf5v6AKRyjwEUhQ==",
    "tiihtNczf5v6AKRyjwEUhQ==tiihtNczf5v6AKRyjwEUhQ==",
    "tiihtNczf5v6-KRyjwEUhQ==",
    "AAAA",
    "A" * 43 + "=",
    "A" * (crypto.SIZE_LIMIT + 4),
]


@pytest.mark.parametrize("bad", INVALID_BASE64, ids=lambda bad: repr(bad)[:30])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_invalid_base64_is_refused(position, bad):
    arguments = [KEY, DATA, IV, APPID]
    arguments[position] = bad
    error = decrypt_error(*arguments)
    assert error.detail
    assert (error.__cause__, error.__context__) == (None, None)


@pytest.mark.parametrize("appid", ["wx-another", "", None, 7, APPID.upper()])
def test_data_for_another_app_is_refused(appid):
    assert "another app" in decrypt_error(KEY, DATA, IV, appid).detail


def test_wrong_session_key_is_refused():
    assert "padding" in decrypt_error("AAAAAAAAAAAAAAAAAAAAAA==", DATA, IV, APPID).detail


@pytest.mark.parametrize(
    "end",
    [b"\0" * 16, b"\x11" * 16, b"\xff" * 16, b"x" * 14 + b"\x01\x02", b"\x10" * 15 + b"\x03"],
)
def test_wrong_padding_is_refused(end):
    assert "padding" in decrypt_error(KEY, encrypt(b"x" * 16 + end), IV, APPID).detail


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"\xff",
        b"{",
        b"{}{}",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\\ud800"}',
        '{"a": "b"}'.encode("utf-16"),
    ],
    ids=lambda plain: repr(plain)[:30],
)
def test_invalid_json_is_refused(plain):
    error = decrypt_error(KEY, encrypt(pad(plain)), IV, APPID)
    assert error.detail == "not JSON in UTF-8"
    assert error.__context__ is None


@pytest.mark.parametrize("data", [[], None, 7, "text", True])
def test_json_that_is_not_an_object_is_refused(data):
    with pytest.raises(DecryptError, match="not a JSON object"):
        round_trip(data)


@pytest.mark.parametrize(
    "watermark",
    [
        None,
        [],
        "text",
        {},
        {"appid": APPID},
        {"timestamp": NOW},
        {"appid": [APPID], "timestamp": NOW},
        {"appid": APPID, "timestamp": True},
        {"appid": APPID, "timestamp": str(NOW)},
        {"appid": APPID, "timestamp": float(NOW)},
        {"appid": APPID, "timestamp": None},
    ],
)
def test_malformed_watermark_is_refused(watermark):
    with pytest.raises(DecryptError, match="watermark"):
        round_trip({"a": 1, "watermark": watermark})


def test_missing_watermark_is_refused():
    with pytest.raises(DecryptError, match="no watermark"):
        round_trip({"a": 1})


class TestAge:
    @pytest.mark.parametrize("age", [-60, 0, 300])
    def test_fresh_data_decrypts(self, age):
        assert decrypt_user_data(KEY, DATA, IV, APPID, max_age=300, now=NOW + age)

    @pytest.mark.parametrize(("age", "why"), [(-61, "future"), (301, "too old"), (10**12, "old")])
    def test_data_too_old_or_from_the_future_is_refused(self, age, why):
        assert why in decrypt_error(KEY, DATA, IV, APPID, max_age=300, now=NOW + age).detail

    def test_age_is_not_checked_without_max_age(self):
        assert decrypt_user_data(KEY, DATA, IV, APPID, now=NOW - 10**9)

    def test_now_defaults_to_the_current_time(self, monkeypatch):
        assert "too old" in decrypt_error(KEY, DATA, IV, APPID, max_age=300).detail
        monkeypatch.setattr("time.time", lambda: NOW + 1)
        assert decrypt_user_data(KEY, DATA, IV, APPID, max_age=300)

    def test_huge_timestamp_is_refused(self):
        data = {"watermark": {"appid": APPID, "timestamp": 10**400}}
        with pytest.raises(DecryptError):
            round_trip(data, max_age=300, now=NOW + 0.5)


def test_error_contains_no_secret():
    ciphertext = encrypt(pad(b'{"phone": "13800138000", "a": \xff'))
    error = decrypt_error(KEY, ciphertext, IV, APPID)
    text = repr(error) + "".join(traceback.format_exception(type(error), error, None))
    for secret in ("13800138000", KEY, ciphertext):
        assert secret not in text


def test_raw_data_signature_matches_the_example_of_wechat():
    raw = (
        '{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong"'
        ',"country":"CN","avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZ'
        'xx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpujxyzYsrztuuICqIM5ibXQ/0"}'
    )
    signature = sign_raw_data(raw, "HyVFkGl5F5OQWJZZaNzBBg==")
    assert signature == "75e81ceda165f4ffa64f4068af58c64b8f54b88c"
    check_raw_data(raw, signature, "HyVFkGl5F5OQWJZZaNzBBg==")


def test_raw_data_is_signed_in_utf8():
    assert sign_raw_data('{"nickName":"小明"}', KEY) == "666edb9f4d3d4348d68e29ce588508dd30f34712"


@pytest.mark.parametrize("signature", ["", "é", None, 7, "\ud800", "0" * 40, b"x"])
def test_wrong_signature_is_refused(signature):
    with pytest.raises(DecryptError):
        check_raw_data("{}", signature, KEY)


@pytest.mark.parametrize("raw", [None, 7, "\ud800", b"{}"])
def test_raw_data_that_is_not_a_string_is_refused(raw):
    with pytest.raises(DecryptError):
        sign_raw_data(raw, KEY)


def test_user_signature_uses_the_session_key_undecoded():
    expected = "7154f9f8b4b76b92f541cbf0e37d48840fa06e5e42da92a6f80168a1516a4735"
    assert user_signature(KEY, "") == expected
    assert user_signature(KEY, "message") != expected
