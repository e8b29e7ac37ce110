"""Uploads to the real service: many at once, in pieces, broken off."""

import io
import re
import socket
from collections import Counter

import pytest
import requests
from PIL import Image

from tests.servers import HOST
from tests.service import Load, at_once, is_error


def jpeg(size):
    file = io.BytesIO()
    Image.effect_noise(size, 20).convert("RGB").save(file, "JPEG", quality=50)
    return file.getvalue()


LARGE = jpeg((2400, 1800))


def upload(phone, data):
    return phone.post("/api/me/avatar", files={"file": ("a.jpg", data)})


def test_uploads_at_once_are_stored_or_refused_for_a_moment_and_hello_goes_on(serve):
    service = serve(workers=1, rate_limit_login="1000/minute")
    phones = [service.sign_in(f"user{number}.x") for number in range(40)]
    with Load(service, threads=2) as hello:
        answers = at_once(*[lambda phone=phone: upload(phone, LARGE) for phone in phones])
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {200, 503}
    assert statuses[200] >= 5
    for phone, answer in zip(phones, answers, strict=True):
        url = phone.get("/api/me").json()["data"]["avatar_url"]
        if answer.status_code == 200:
            assert requests.get(url, timeout=10).headers["Content-Type"] == "image/jpeg"
        else:
            assert is_error(answer, 503, "service_unavailable")
            assert url is None
    assert not hello.failed
    assert set(hello.answered) == {200}
    assert not service.events("internal_error")


def test_slow_upload_holds_up_no_other(serve):
    service = serve()
    slow, phone = service.sign_in("slow"), service.sign_in()
    with socket.create_connection((HOST, service.port), timeout=20) as connection:
        connection.sendall(head(slow, "Content-Length: 100000") + FORM[:300])
        for _ in range(3):
            assert upload(phone, jpeg((50, 50))).status_code == 200


def send(phone, *pieces):
    """Send a request in pieces; return the status and the body of the answer."""
    with socket.create_connection((HOST, phone.service.port), timeout=20) as connection:
        connection.sendall(b"".join(pieces))
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            whole = answer.read()
    return int(re.match(rb"HTTP/1.1 ([0-9]{3})", whole)[1]), whole.partition(b"\r\n\r\n")[2]


def head(phone, *lines):
    return "\r\n".join(
        [
            "POST /api/me/avatar HTTP/1.1",
            f"Host: {HOST}:{phone.service.port}",
            f"Authorization: Bearer {phone.token}",
            "Content-Type: multipart/form-data; boundary=x",
            "Connection: close",
            *lines,
            "\r\n",
        ]
    ).encode()


FORM = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    + jpeg((300, 200))
    + b"\r\n--x--\r\n"
)


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.fixture(scope="module")
def cases():
    return {
        "in chunks": (chunk(FORM[:1000]), chunk(FORM[1000:]), b"0\r\n\r\n"),
        "a bad chunk": (chunk(FORM[:1000]), b"zz\r\n", FORM),
        "chunks without an end": (chunk(FORM[:1000]),),
        "too many chunks": (*[chunk(b"x" * 2**16)] * 40, b"0\r\n\r\n"),
    }


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("in chunks", 200, b'"ok"'),
        ("a bad chunk", 400, b'"invalid_request"'),
        ("chunks without an end", 400, b'"invalid_request"'),
        ("too many chunks", 413, b'"payload_too_large"'),
    ],
)
def test_body_in_chunks_is_read_like_any_other(serve, cases, name, status, error):
    phone = serve().sign_in()
    answered, body = send(phone, head(phone, "Transfer-Encoding: chunked"), *cases[name])
    assert answered == status, body
    assert error in body
    stored = phone.get("/api/me").json()["data"]["avatar_url"]
    assert (stored is not None) == (status == 200)


def test_body_that_is_cut_off_is_an_invalid_request_and_the_next_one_is_well(serve):
    phone = serve().sign_in()
    status, body = send(phone, head(phone, f"Content-Length: {len(FORM)}"), FORM[:5000])
    assert (status, b'"invalid_request"' in body) == (400, True)
    assert phone.get("/api/me").json()["data"]["avatar_url"] is None
    assert upload(phone, jpeg((50, 50))).status_code == 200
