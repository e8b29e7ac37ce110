"""Mini program codes: what is asked, which arguments are refused, and what counts as a picture."""

import io
import json
import logging

import pytest
from PIL import Image

from myapi import wechat
from myapi.wechat import errcodes
from myapi.wechat.replies import read_reply
from myapi.wechat.sandbox import FAULTS
from myapi.wechat.token_row import MemoryTokenStore

PATH = "/wxa/getwxacodeunlimit"
TOKEN = {"access_token": "a-token", "expires_in": 7200}


def picture(kind="JPEG", size=8):
    file = io.BytesIO()
    Image.new("RGB", (size, size), "red").save(file, kind)
    return file.getvalue()


JPEG, PNG = picture("JPEG"), picture("PNG")


def refused(client, scene="a=1", *arguments, **more):
    with pytest.raises(wechat.WeChatError) as caught:
        client.mini_program_code(scene, *arguments, **more)
    return caught.value


def sent(server):
    """Return head and body of the last request."""
    head, body = server.requests[-1].split("\r\n\r\n")
    return head, json.loads(body)


def opened(code):
    return Image.open(io.BytesIO(code))


def test_request_is_as_the_document_says(make_client, answering):
    server = answering(TOKEN, JPEG)
    code = make_client(server.url).mini_program_code(
        "from=alice&t=1",
        "pages/index/index",
        check_path=False,
        env_version="trial",
        width=1280,
        line_color=(0, 128, 255),
        is_hyaline=True,
    )
    assert code == JPEG
    head, body = sent(server)
    assert head.startswith(f"POST {PATH}?access_token=a-token HTTP/1.1")
    assert "Content-Type: application/json" in head
    assert "from=alice&t=1" in server.requests[-1], "& is not escaped"
    assert body == {
        "scene": "from=alice&t=1",
        "page": "pages/index/index",
        "check_path": False,
        "env_version": "trial",
        "width": 1280,
        "auto_color": False,
        "line_color": {"r": 0, "g": 128, "b": 255},
        "is_hyaline": True,
    }


@pytest.mark.parametrize("page", [None, ""])
def test_without_a_page_none_is_sent(make_client, answering, page):
    server = answering(TOKEN, JPEG)
    make_client(server.url).mini_program_code("a=1", page)
    assert "page" not in sent(server)[1]
    assert "line_color" not in sent(server)[1]


@pytest.mark.parametrize(
    "scene", ["a", "0" * 32, "!#$&'()*+,/:;=?@-._~", "id=7&from=abcdefghijklmnop"]
)
def test_scene_that_wechat_takes_is_taken(client, scene):
    assert opened(client.mini_program_code(scene)).format == "JPEG"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"scene": ""}, "1 to 32"),
        ({"scene": "a" * 33}, "1 to 32"),
        ({"scene": "a%20b"}, "ASCII letters"),
        ({"scene": "a b"}, "ASCII letters"),
        ({"scene": "a\n"}, "ASCII letters"),
        ({"scene": "小明"}, "ASCII letters"),
        ({"scene": "٣"}, "ASCII letters"),
        ({"scene": "\ud800"}, "ASCII letters"),
        ({"scene": 7}, "ASCII letters"),
        ({"scene": None}, "ASCII letters"),
        ({"page": "/pages/index/index"}, "not begin with /"),
        ({"page": "pages/index/index?a=1"}, "no query"),
        ({"page": "pages/index#a"}, "no #"),
        ({"page": "pages/index "}, "no spaces"),
        ({"page": "pages\n"}, "no spaces"),
        ({"page": 7}, "path"),
        ({"env_version": "production"}, "release, trial, develop"),
        ({"env_version": ""}, "release, trial, develop"),
        ({"env_version": None}, "release, trial, develop"),
        ({"width": 279}, "280 to 1280"),
        ({"width": 1281}, "280 to 1280"),
        ({"width": "430"}, "280 to 1280"),
        ({"width": 430.0}, "280 to 1280"),
        ({"line_color": (0, 0)}, "three numbers"),
        ({"line_color": (0, 0, 256)}, "three numbers"),
        ({"line_color": (0, 0, -1)}, "three numbers"),
        ({"line_color": ("0", "0", "0")}, "three numbers"),
        ({"line_color": (True, 0, 0)}, "three numbers"),
        ({"line_color": (0, 0, 0), "auto_color": True}, "one of them"),
    ],
    ids=repr,
)
def test_mistake_of_the_caller_is_a_value_error_without_a_call(client, sandbox, arguments, why):
    with pytest.raises(ValueError, match=why):
        client.mini_program_code(**{"scene": "a=1", **arguments})
    assert not sandbox.calls()


# ---- answers ----


@pytest.mark.parametrize("content_type", ["image/jpeg", "application/json", "text/plain", ""])
@pytest.mark.parametrize("code", [JPEG, PNG, JPEG + b"\0\0"], ids=["jpeg", "png", "padded"])
def test_picture_is_told_by_its_bytes(make_client, answering, code, content_type):
    server = answering(TOKEN, code, headers=f"Content-Type: {content_type}\r\n")
    assert make_client(server.url).mini_program_code("a=1") == code


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/png", "application/json"])
def test_error_is_told_by_its_bytes(make_client, answering, content_type):
    said = {"errcode": 41030, "errmsg": "invalid page, rid: 1-2-3"}
    server = answering(TOKEN, said, headers=f"Content-Type: {content_type}\r\n")
    error = refused(make_client(server.url))
    assert (type(error), error.errcode, error.rid) == (wechat.Misconfigured, 41030, "1-2-3")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html><body>nginx</body></html>",
        JPEG[: len(JPEG) // 2],
        PNG[: len(PNG) // 2],
        JPEG[:3],
        PNG[:8],
        b" " + JPEG,
        b"GIF89a" + JPEG,
        b"\xff\xd9",
        b"{}",
        b"[]",
        b'{"errcode": 0, "errmsg": "ok"}',
        b'{"errcode": "41030"}',
        b'{"errcode": 0, "buffer": "/9j/"}',
        b'{"errcode": 41030}' + b" " * 65536,
        b"\xff\xfe{}",
    ],
    ids=lambda answer: repr(answer[:20]),
)
def test_unusable_answer_is_no_picture(make_client, answering, answer):
    error = refused(make_client(answering(TOKEN, answer).url))
    assert (type(error), error.errcode) == (wechat.Unavailable, None)


def test_picture_that_breaks_off_is_none(make_client, raw_server):
    """A JPEG may have the end of a thumbnail in its midst; less came than Content-Length says."""

    def behave(server, connection):
        while request := server.read_request(connection):
            is_code = request.startswith(f"POST {PATH}")
            body = JPEG if is_code else json.dumps(TOKEN).encode()
            length = len(body) + 1000 * is_code
            connection.sendall(b"HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n" % length + body)
            if is_code:
                return

    assert type(refused(make_client(raw_server(behave).url))) is wechat.Unavailable


def test_picture_may_have_four_mebibytes_and_no_byte_more(make_client, answering):
    whole = JPEG[:-2].ljust(4 * 2**20 - 2, b"\0") + JPEG[-2:]
    assert make_client(answering(TOKEN, whole).url).mini_program_code("a=1") == whole
    error = refused(make_client(answering(TOKEN, whole + b"\0").url))
    assert type(error) is wechat.Unavailable


@pytest.mark.parametrize(("errcode", "error"), errcodes.CODE.items())
def test_errcode_becomes_its_error(errcode, error):
    with pytest.raises(wechat.WeChatError) as caught:
        read_reply(json.dumps({"errcode": errcode, "errmsg": "why"}).encode(), errcodes.CODE)
    assert (type(caught.value), caught.value.errcode) == (error, errcode)


def test_page_that_is_not_released_tells_the_operator_what_to_do(make_client, answering, caplog):
    refused(make_client(answering(TOKEN, {"errcode": 41030, "errmsg": "invalid page"}).url))
    assert "the page is not in the released version" in caplog.text


@pytest.mark.parametrize("kind", [*FAULTS, "45009"])
def test_fault_is_an_error_and_never_a_broken_picture(make_client, sandbox, server, kind):
    store = MemoryTokenStore()
    patient = make_client(server.url, token_store=store)
    patient.mini_program_code("a=1")  # fetches the access_token
    sandbox.set_fault(kind, 2)
    hasty = make_client(server.url, token_store=store, timeout=0.3)
    assert isinstance(refused(hasty), wechat.WeChatError)
    sandbox.set_fault(kind, 0)
    assert opened(patient.mini_program_code("a=1"))


@pytest.mark.parametrize("kind", ["busy", "40001", "42001"])
def test_busy_wechat_and_a_refused_token_are_not_noticed(client, sandbox, kind):
    client.mini_program_code("a=1")  # fetches the access_token
    sandbox.set_fault(kind, 1)
    assert opened(client.mini_program_code("a=1"))
    assert sandbox.calls()[PATH] == 3


def test_connection_is_kept_after_a_picture(make_client, answering):
    server = answering(TOKEN, JPEG)
    client = make_client(server.url)
    for _ in range(3):
        client.mini_program_code("a=1")
    assert server.connections == 1


def test_token_and_scene_come_out_nowhere(make_client, answering, caplog):
    caplog.set_level(logging.DEBUG)
    said = {"errcode": 40129, "errmsg": "invalid scene invite=hush a-token"}
    error = refused(make_client(answering(TOKEN, said).url), "invite=hush")
    assert error.detail == "invalid scene *** ***"
    assert "hush" not in caplog.text
    assert "a-token" not in caplog.text
