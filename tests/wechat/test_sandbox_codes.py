"""Codes and links of the sandbox over HTTP: what it answers, and what it refuses as WeChat does."""

import io
import re
import time

import pytest
import requests
from PIL import Image

CODE, URL_LINK, SCHEME = "/wxa/getwxacodeunlimit", "/wxa/generate_urllink", "/wxa/generatescheme"
PATHS = [CODE, URL_LINK, SCHEME]
DAYS = {"expire_type": 1, "expire_interval": 30}


@pytest.fixture
def ask(server, sandbox):
    """Ask a path with an access_token: `ask(CODE, {"scene": "a=1"})`."""
    token = sandbox.stable_token("wx", "s")["access_token"]

    def ask(path, body, token=token, method="POST"):
        sent = {"data": body} if isinstance(body, bytes) else {"json": body}
        query = {} if token is None else {"access_token": token}
        return requests.request(method, server.url + path, params=query, timeout=10, **sent)

    return ask


def errcode(response):
    assert response.status_code == 200
    return response.json()["errcode"]


def opened(response):
    return Image.open(io.BytesIO(response.content))


def pixels(picture):
    return picture.convert("RGBA").tobytes()


def test_code_is_a_jpeg_of_the_width_that_was_asked_for(ask):
    plain = ask(CODE, {"scene": "a=1"})
    assert plain.headers["Content-Type"] == "image/jpeg"
    assert (opened(plain).format, opened(plain).size) == ("JPEG", (430, 430))
    large = ask(CODE, {"scene": "a=1", "width": 1280})
    assert opened(large).size == (1280, 1280)


def test_transparent_code_is_a_png_with_lines_of_the_color_that_was_asked_for(ask):
    color = {"r": 0, "g": 128, "b": 255}
    body = {"scene": "a=1", "is_hyaline": True, "line_color": color}
    response = ask(CODE, body)
    assert response.headers["Content-Type"] == "image/png"
    picture = opened(response)
    assert picture.format == "PNG"
    assert picture.getpixel((0, 0)) == (255, 255, 255, 0)
    assert picture.getpixel((5, 5)) == (0, 128, 255, 255)


@pytest.mark.parametrize(
    "change",
    [
        {"scene": "a=2"},
        {"page": "pages/b/b"},
        {"env_version": "trial"},
        {"line_color": {"r": 255, "g": 0, "b": 0}},
    ],
    ids=repr,
)
def test_picture_shows_what_a_phone_would_get(ask, change):
    body = {"scene": "a=1", "page": "pages/a/a"}
    first, same, other = (opened(ask(CODE, {**body, **more})) for more in ({}, {}, change))
    assert pixels(first) == pixels(same) != pixels(other)


def test_long_scene_and_page_fit_into_the_smallest_picture(ask):
    body = {"scene": "W" * 32, "page": "pages/" + "W" * 100, "width": 280}
    picture = opened(ask(CODE, body)).convert("L")
    inside = [picture.getpixel((x, y)) for x in (10, 269) for y in range(12, 268)]
    assert min(inside) > 200, "no line reaches the edge"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"scene": None}, 40129),
        ({"scene": ""}, 40129),
        ({"scene": 7}, 40129),
        ({"scene": "a" * 33}, 40129),
        ({"scene": "a%20"}, 40129),
        ({"scene": "小明"}, 40129),
        ({"page": "/pages/a/a"}, 41030),
        ({"page": "pages/a/a?b=1"}, 41030),
        ({"page": 7}, 41030),
        ({"env_version": "production"}, 40097),
        ({"env_version": ["release"]}, 40097),
        ({"width": 279}, 40097),
        ({"width": 1281}, 40097),
        ({"width": "430"}, 40097),
        ({"line_color": {"r": 0, "g": 0}}, 40097),
        ({"line_color": {"r": 0, "g": 0, "b": 256}}, 40097),
        ({"line_color": [0, 0, 0]}, 40097),
    ],
    ids=repr,
)
def test_code_is_refused_like_by_wechat(ask, change, expected):
    assert errcode(ask(CODE, {"scene": "a=1", "page": "pages/a/a", **change})) == expected


def test_links_look_like_those_of_wechat(ask):
    link = ask(URL_LINK, {"path": "/pages/a/a", "query": "a=1", **DAYS}).json()
    assert (link["errcode"], link["errmsg"]) == (0, "ok")
    assert re.fullmatch(r"https://wxaurl\.cn/[0-9A-Za-z]{11}", link["url_link"])
    scheme = ask(SCHEME, {"jump_wxa": {"path": "pages/a/a"}, **DAYS}).json()
    assert re.fullmatch(r"weixin://dl/business/\?t=[0-9A-Za-z]{11}", scheme["openlink"])


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"path": "pages/a?b=1"}, 40165),
        ({"path": 7}, 40165),
        ({"query": "a b"}, 40212),
        ({"query": "a" * 1025}, 40212),
        ({"query": {"a": 1}}, 40212),
        ({"env_version": "production"}, 85402),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_links_are_refused_like_by_wechat(ask, target, expected):
    assert errcode(ask(URL_LINK, {**target, **DAYS})) == expected
    assert errcode(ask(SCHEME, {"jump_wxa": target, **DAYS})) == expected


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ({"expire_type": 1, "expire_interval": 1}, 0),
        ({"expire_type": 1, "expire_interval": 31}, 85401),
        ({"expire_type": 1, "expire_interval": 0}, 85401),
        ({"expire_type": 1, "expire_interval": "7"}, 85401),
        ({"expire_type": 1}, 85401),
        ({"expire_interval": 7}, 85401),
        ({}, 85401),
        ({"expire_time": 3600}, 0),
        ({"expire_type": 0, "expire_time": 29 * 86400}, 0),
        ({"expire_time": 30}, 85401),
        ({"expire_time": 31 * 86400}, 85401),
        ({"expire_time": -1}, 85401),
    ],
    ids=repr,
)
def test_links_live_for_a_minute_to_30_days(ask, end, expected):
    if "expire_time" in end:  # in seconds from now
        end = {**end, "expire_time": int(time.time()) + end["expire_time"]}
    assert errcode(ask(URL_LINK, end)) == expected
    assert errcode(ask(SCHEME, {"jump_wxa": {}, **end})) == expected


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [b"", b"scene=a", b"\xff", b"[]"])
def test_body_must_be_json(ask, path, body):
    assert errcode(ask(path, body)) == 47001


def test_scheme_needs_an_object_for_its_target(ask):
    assert errcode(ask(SCHEME, {"jump_wxa": "pages/a/a", **DAYS})) == 47001


@pytest.mark.parametrize("path", PATHS)
def test_token_comes_before_the_body(ask, path):
    assert errcode(ask(path, b"{", token=None)) == 41001
    assert errcode(ask(path, b"{", token="unknown")) == 40001
    assert errcode(ask(path, {}, method="GET")) == 43002


@pytest.mark.parametrize("path", PATHS)
def test_calls_are_counted_and_get_the_faults_of_a_token(ask, sandbox, path):
    sandbox.set_fault(42001, 1)
    body = {"scene": "a=1", **DAYS}
    assert errcode(ask(path, body)) == 42001
    assert ask(path, body).ok
    assert sandbox.calls()[path] == 2


@pytest.mark.parametrize("field", ["url_link", "openlink"])
def test_wrong_types_has_each_link_with_a_wrong_type(ask, sandbox, field):
    sandbox.set_fault("wrong_types", 1)
    assert not isinstance(ask(URL_LINK, DAYS).json()[field], str)
