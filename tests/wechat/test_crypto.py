"""Opening what WeChat encrypts, and the signatures: one error for all that is not right."""

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
MARK = {"appid": APPID, "timestamp": NOW}


def seal(plain, key=KEY):
    """Encrypt bytes that are padded already."""
    encryptor = Cipher(AES(base64.b64decode(key)), CBC(base64.b64decode(IV))).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def pad(plain):
    count = 16 - len(plain) % 16
    return plain + bytes([count]) * count


def opened(data, **options):
    """Encrypt an object, and decrypt it."""
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return decrypt_user_data(KEY, seal(pad(text)), IV, APPID, **options)


def refused(*arguments, **options):
    with pytest.raises(DecryptError) as caught:
        decrypt_user_data(*arguments, **options)
    return caught.value


def test_public_demo_vector_opens():
    data = decrypt_user_data(KEY, DATA, IV, APPID)
    assert data["openId"] == "oGZUI0egBJY1zhBYw2KhdUfwVJJE"
    assert data["nickName"] == "Band"
    assert data["watermark"] == MARK


def test_what_is_encrypted_here_opens():
    data = {"nickName": "小明😀", "watermark": MARK}
    encrypted, iv = encrypt_user_data(KEY, data)
    assert decrypt_user_data(KEY, encrypted, iv, APPID) == data
    assert encrypt_user_data(KEY, data) != (encrypted, iv)


@pytest.mark.parametrize("size", range(15, 34))
def test_every_length_of_padding_opens(size):
    text = json.dumps({"watermark": MARK}).encode()
    assert opened(text + b" " * size)["watermark"] == MARK


BAD_TEXTS = [
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


@pytest.mark.parametrize("bad", BAD_TEXTS, ids=lambda bad: repr(bad)[:30])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_text_that_is_none_is_refused(place, bad):
    arguments = [KEY, DATA, IV, APPID]
    arguments[place] = bad
    error = refused(*arguments)
    assert error.detail
    assert (error.__cause__, error.__context__) == (None, None)


@pytest.mark.parametrize("appid", ["wx-another", "", None, 7, APPID.upper()])
def test_data_for_another_app_is_refused(appid):
    assert "another app" in refused(KEY, DATA, IV, appid).detail


def test_another_session_key_is_refused():
    assert "padding" in refused("AAAAAAAAAAAAAAAAAAAAAA==", DATA, IV, APPID).detail


@pytest.mark.parametrize(
    "end",
    [b"\0" * 16, b"\x11" * 16, b"\xff" * 16, b"x" * 14 + b"\x01\x02", b"\x10" * 15 + b"\x03"],
)
def test_wrong_padding_is_refused(end):
    assert "padding" in refused(KEY, seal(b"x" * 16 + end), IV, APPID).detail


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
def test_what_is_not_json_is_refused(plain):
    error = refused(KEY, seal(pad(plain)), IV, APPID)
    assert error.detail == "not JSON in UTF-8"
    assert error.__context__ is None


@pytest.mark.parametrize("data", [[], None, 7, "text", True])
def test_what_is_not_an_object_is_refused(data):
    with pytest.raises(DecryptError, match="not a JSON object"):
        opened(data)


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
def test_watermark_of_another_shape_is_refused(watermark):
    with pytest.raises(DecryptError, match="watermark"):
        opened({"a": 1, "watermark": watermark})


def test_missing_watermark_is_refused():
    with pytest.raises(DecryptError, match="no watermark"):
        opened({"a": 1})


class TestAge:
    @pytest.mark.parametrize("age", [-60, 0, 300])
    def test_fresh_data_opens(self, age):
        assert decrypt_user_data(KEY, DATA, IV, APPID, max_age=300, now=NOW + age)

    @pytest.mark.parametrize(("age", "why"), [(-61, "future"), (301, "too old"), (10**12, "old")])
    def test_other_data_is_refused(self, age, why):
        assert why in refused(KEY, DATA, IV, APPID, max_age=300, now=NOW + age).detail

    def test_without_a_limit_no_age_counts(self):
        assert decrypt_user_data(KEY, DATA, IV, APPID, now=NOW - 10**9)

    def test_now_is_the_time(self, monkeypatch):
        assert "too old" in refused(KEY, DATA, IV, APPID, max_age=300).detail
        monkeypatch.setattr("time.time", lambda: NOW + 1)
        assert decrypt_user_data(KEY, DATA, IV, APPID, max_age=300)

    def test_timestamp_beyond_all_measure_is_refused(self):
        data = {"watermark": {"appid": APPID, "timestamp": 10**400}}
        with pytest.raises(DecryptError):
            opened(data, max_age=300, now=NOW + 0.5)


def test_error_tells_nothing_of_the_data():
    sealed = seal(pad(b'{"phone": "13800138000", "a": \xff'))
    error = refused(KEY, sealed, IV, APPID)
    text = repr(error) + "".join(traceback.format_exception(type(error), error, None))
    for secret in ("13800138000", KEY, sealed):
        assert secret not in text


def test_raw_data_signature_is_that_of_the_document():
    raw = (
        '{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong"'
        ',"country":"CN","avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZ'
        'xx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpujxyzYsrztuuICqIM5ibXQ/0"}'
    )
    signature = sign_raw_data(raw, "HyVFkGl5F5OQWJZZaNzBBg==")
    assert signature == "75e81ceda165f4ffa64f4068af58c64b8f54b88c"
    check_raw_data(raw, signature, "HyVFkGl5F5OQWJZZaNzBBg==")


def test_raw_data_is_signed_as_utf8():
    assert sign_raw_data('{"nickName":"小明"}', KEY) == "666edb9f4d3d4348d68e29ce588508dd30f34712"


@pytest.mark.parametrize("signature", ["", "é", None, 7, "\ud800", "0" * 40, b"x"])
def test_wrong_signature_is_refused(signature):
    with pytest.raises(DecryptError):
        check_raw_data("{}", signature, KEY)


@pytest.mark.parametrize("raw", [None, 7, "\ud800", b"{}"])
def test_raw_data_that_is_no_text_is_refused(raw):
    with pytest.raises(DecryptError):
        sign_raw_data(raw, KEY)


def test_user_signature_takes_the_key_as_text():
    expected = "7154f9f8b4b76b92f541cbf0e37d48840fa06e5e42da92a6f80168a1516a4735"
    assert user_signature(KEY, "") == expected
    assert user_signature(KEY, "message") != expected
