"""Pushes of WeChat: its own samples, and what a forger may send."""

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myapi.wechat import push
from myapi.wechat.push import PushKeys, PushRefused

# The samples of WeChat's page 消息推送.
TOKEN = "AAAAA"
APPID = "wxba5fad812f8e6fb9"
PLAIN = PushKeys(APPID, TOKEN)
SAFE = PushKeys(APPID, TOKEN, "A" * 43)
EVENT = {
    "ToUserName": "gh_97417a04a28d",
    "FromUserName": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY",
    "CreateTime": 1714112445,
    "MsgType": "event",
    "Event": "debug_demo",
    "debug_str": "hello world",
}
SEALED = (
    "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcv"
    "ZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3F"
    "n2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSe"
    "OBrebufAlr7F9mFUPAJGj04="
)
SAFE_QUERY = {
    "signature": "6c5c811b55cc85e0e1b54100749188c20beb3f5d",
    "timestamp": "1714112445",
    "nonce": "415670741",
    "openid": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY",
    "encrypt_type": "aes",
    "msg_signature": "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3",
}
SAFE_BODY = json.dumps({"ToUserName": "gh_97417a04a28d", "Encrypt": SEALED}).encode()

PLAIN_QUERY = {
    "signature": "899cf89e464efb63f54ddac96b0a0a235f53aa78",
    "timestamp": "1714037059",
    "nonce": "486452656",
}
PLAIN_BODY = json.dumps({**EVENT, "CreateTime": 1714037059}).encode()

URL_QUERY = {
    "signature": "f464b24fc39322e44b38aa78f5edd27bd1441696",
    "echostr": "4375120948345356249",
    "timestamp": "1714036504",
    "nonce": "1514711492",
}


def test_sample_of_the_url_check():
    assert push.check_url(PLAIN, URL_QUERY) == "4375120948345356249"
    assert push.check_url(SAFE, URL_QUERY) == "4375120948345356249"


def test_sample_of_the_plain_mode():
    found = push.read_push(PLAIN, PLAIN_QUERY, PLAIN_BODY)
    assert found.event["debug_str"] == "hello world"
    assert found.text == PLAIN_BODY


def test_sample_of_the_safe_mode():
    assert push.read_push(SAFE, SAFE_QUERY, SAFE_BODY).event == EVENT


def test_sample_of_an_encrypted_answer():
    sealed = push.encrypt(SAFE, b'{"demo_resp":"good luck"}', b"707722b803182950")
    assert sealed == (
        "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="
    )
    assert push.sign(TOKEN, "1713424427", "415670741", sealed) == (
        "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"
    )


def test_key_whose_last_character_has_stray_bits_is_good():
    keys = PushKeys("wxb11529c136998cb6", "pamtest", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")
    text = "我是中文abcd123".encode()
    sealed = push.encrypt(keys, text, b"aaaabbbbccccdddd")
    assert sealed == (
        "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg=="
    )
    assert push.decrypt(keys, sealed) == text


def test_xml_is_read_as_json_is():
    sealed = push.encrypt(
        SAFE,
        b"<xml><Event><![CDATA[subscribe_msg_popup_event]]></Event><CreateTime> 7 </CreateTime>"
        b"<SubscribeMsgPopupEvent><List><TemplateId>a</TemplateId></List>"
        b"<List><TemplateId>b</TemplateId></List><List><TemplateId>c</TemplateId></List>"
        b"</SubscribeMsgPopupEvent></xml>",
    )
    body = f"\n<xml><ToUserName>gh</ToUserName><Encrypt>\n{sealed} </Encrypt></xml>".encode()
    assert push.read_push(SAFE, signed(sealed), body).event == {
        "Event": "subscribe_msg_popup_event",
        "CreateTime": "7",
        "SubscribeMsgPopupEvent": {
            "List": [{"TemplateId": "a"}, {"TemplateId": "b"}, {"TemplateId": "c"}]
        },
    }


def test_text_is_the_same_in_each_retry_though_its_encryption_is_not():
    text = json.dumps(EVENT).encode()
    first, second = push.encrypt(SAFE, text), push.encrypt(SAFE, text)
    assert first != second
    assert read(first).text == read(second).text == text


def test_both_mode_reads_the_encrypted_event_alone():
    body = json.dumps({"Event": "forged", "Encrypt": SEALED}).encode()
    assert push.read_push(SAFE, SAFE_QUERY, body).event == EVENT


FORGED = {
    "a plain body where a key is set": (SAFE, PLAIN_QUERY, PLAIN_BODY),
    "a plain body that says it is encrypted": (
        SAFE,
        {**PLAIN_QUERY, "encrypt_type": "aes"},
        PLAIN_BODY,
    ),
    "a plain body with the query of a real push": (SAFE, SAFE_QUERY, PLAIN_BODY),
    "no msg_signature, and a signature that is right": (
        SAFE,
        {k: v for k, v in SAFE_QUERY.items() if k != "msg_signature"},
        SAFE_BODY,
    ),
    "the signature in place of the msg_signature": (
        SAFE,
        {**SAFE_QUERY, "msg_signature": SAFE_QUERY["signature"]},
        SAFE_BODY,
    ),
    "an empty msg_signature": (SAFE, {**SAFE_QUERY, "msg_signature": ""}, SAFE_BODY),
    "a msg_signature in capitals": (
        SAFE,
        {**SAFE_QUERY, "msg_signature": SAFE_QUERY["msg_signature"].upper()},
        SAFE_BODY,
    ),
    "a msg_signature that is no ASCII": (SAFE, {**SAFE_QUERY, "msg_signature": "é"}, SAFE_BODY),
    "another time": (SAFE, {**SAFE_QUERY, "timestamp": "1714112446"}, SAFE_BODY),
    "another nonce": (SAFE, {**SAFE_QUERY, "nonce": "1"}, SAFE_BODY),
    "no query": (SAFE, {}, SAFE_BODY),
    "an Encrypt that is no text": (SAFE, SAFE_QUERY, b'{"Encrypt": ["a"]}'),
    "two Encrypts": (SAFE, SAFE_QUERY, f'{{"Encrypt": "a", "Encrypt": "{SEALED}"}}'.encode()),
    "two Encrypts in XML": (
        SAFE,
        SAFE_QUERY,
        f"<xml><Encrypt>a</Encrypt><Encrypt>{SEALED}</Encrypt></xml>".encode(),
    ),
    "no body": (SAFE, SAFE_QUERY, b""),
    "a list": (SAFE, SAFE_QUERY, b"[]"),
    "a large body": (SAFE, SAFE_QUERY, SAFE_BODY.ljust(push.SIZE_LIMIT + 1)),
    "deep JSON": (SAFE, SAFE_QUERY, b"[" * 60_000),
    "deep XML": (SAFE, SAFE_QUERY, b"<a>" * 20_000),
    "XML with a DOCTYPE": (
        SAFE,
        SAFE_QUERY,
        f'<!DOCTYPE x [<!ENTITY e "{SEALED}">]><xml><Encrypt>&e;</Encrypt></xml>'.encode(),
    ),
    "XML with a DOCTYPE in UTF-16": (
        SAFE,
        SAFE_QUERY,
        '<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><xml/>'.encode("utf-16"),
    ),
    "XML with an entity that is not declared": (SAFE, SAFE_QUERY, b"<xml>&e;</xml>"),
    "XML that is cut off": (SAFE, SAFE_QUERY, f"<xml><Encrypt>{SEALED}".encode()),
    "XML in an unknown encoding": (SAFE, SAFE_QUERY, b'<?xml version="1.0" encoding="x"?><xml/>'),
    "a plain body with another signature": (PLAIN, {**PLAIN_QUERY, "nonce": "2"}, PLAIN_BODY),
    "JSON that is no JSON": (PLAIN, PLAIN_QUERY, b"{"),
    "JSON with half a surrogate pair": (PLAIN, PLAIN_QUERY, b'{"Event": "\\ud800"}'),
    "JSON with a number that is none": (PLAIN, PLAIN_QUERY, b'{"Event": NaN}'),
    "JSON in another encoding": (PLAIN, PLAIN_QUERY, '{"Event": "中"}'.encode("gbk")),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_forged_or_odd_push_is_refused(forged):
    with pytest.raises(PushRefused):
        push.read_push(*forged)


def sealed_with(plain, padding=None):
    """Encrypt bytes as they are, with WeChat's padding unless another is given."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    count = push.PADDING - len(plain) % push.PADDING
    data = plain + (bytes([count]) * count if padding is None else padding)
    encryptor = Cipher(AES(SAFE.key), CBC(SAFE.key[:16])).encryptor()
    return base64.b64encode(encryptor.update(data) + encryptor.finalize()).decode()


def signed(sealed, token=TOKEN):
    query = {"timestamp": "1714112445", "nonce": "415670741"}
    return {**query, "msg_signature": push.sign(token, *query.values(), sealed)}


def read(sealed):
    return push.read_push(SAFE, signed(sealed), json.dumps({"Encrypt": sealed}).encode())


HEAD = b"r" * 16
TEXT = b'{"Event": "x"}'
BROKEN = {
    "another AppID": sealed_with(HEAD + (14).to_bytes(4, "big") + TEXT + b"wx-theirs"),
    "no AppID": sealed_with(HEAD + (14).to_bytes(4, "big") + TEXT),
    "a length beyond the end": sealed_with(HEAD + (10**6).to_bytes(4, "big") + TEXT),
    "a length that takes the AppID in": sealed_with(
        HEAD + (14 + len(APPID)).to_bytes(4, "big") + TEXT + APPID.encode()
    ),
    "no length": sealed_with(b"r" * 8),
    "padding of nothing": sealed_with(b"x" * 32, b"\0" * 32),
    "padding that is too long": sealed_with(b"x" * 31, b"\x21" * 33),
    "padding that does not match": sealed_with(b"x" * 31, b"\x02"),
    "half a block": base64.b64encode(b"x" * 15).decode(),
    "nothing": "",
    "no base64": "!" * 32,
}


@pytest.mark.parametrize("sealed", BROKEN.values(), ids=BROKEN.keys())
def test_sealed_text_that_is_broken_is_refused_though_its_signature_is_right(sealed):
    with pytest.raises(PushRefused):
        read(sealed)


@given(st.binary(max_size=200))
def test_any_body_is_read_or_refused(body):
    for keys, query in ((SAFE, SAFE_QUERY), (PLAIN, PLAIN_QUERY)):
        with contextlib.suppress(PushRefused):
            assert isinstance(push.read_push(keys, query, body).event, dict)


@given(st.integers(0, len(SAFE_BODY) - 1), st.integers(1, 255))
def test_changed_byte_gives_the_same_event_or_none(at, change):
    body = bytearray(SAFE_BODY)
    body[at] ^= change
    with contextlib.suppress(PushRefused):
        assert push.read_push(SAFE, SAFE_QUERY, bytes(body)).event == EVENT


@pytest.mark.parametrize("token", ["", "ab", "a" * 33, "a b", "ab\n", "中文中"])
def test_token_that_the_console_would_not_take_is_refused(token):
    with pytest.raises(ValueError, match="Token"):
        PushKeys(APPID, token)


@pytest.mark.parametrize("key", ["", "A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "-"])
def test_aes_key_that_the_console_would_not_take_is_refused(key):
    with pytest.raises(ValueError, match="EncodingAESKey"):
        PushKeys(APPID, TOKEN, key)


def test_secrets_are_in_no_repr():
    assert TOKEN not in repr(SAFE).replace(APPID, "")
    assert "A" * 43 not in repr(SAFE)


def test_forged_url_check_is_refused():
    for change in ({"signature": "0" * 40}, {"echostr": ""}, {"echostr": "a\r\nb"}, {"nonce": "1"}):
        with pytest.raises(PushRefused):
            push.check_url(SAFE, {**URL_QUERY, **change})
