"""Who is at the other end, and whom it says it speaks for."""

import pytest

from myapi.web import proxy_headers


def seen_through(hops, **environ):
    """Return what an app behind so many proxies is told."""
    told = {"REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http", **environ}
    app = proxy_headers.ProxyHeaders(lambda told, start: [], hops)
    app(told, lambda status, headers: None)
    return told


@pytest.mark.parametrize(
    ("hops", "header", "client"),
    [
        (1, "192.0.2.7", "192.0.2.7"),
        (1, "1.1.1.1, 192.0.2.7", "192.0.2.7"),
        (1, "1.1.1.1,192.0.2.7 ", "192.0.2.7"),
        (1, '"1.1.1.1, 192.0.2.7', "192.0.2.7"),
        (1, '"1.1.1.1\\", 192.0.2.7', "192.0.2.7"),
        (1, "", "127.0.0.1"),
        (1, "1.1.1.1,", "127.0.0.1"),
        (2, "9.9.9.9, 192.0.2.7, 10.0.0.1", "192.0.2.7"),
        (2, "192.0.2.7, 10.0.0.1", "192.0.2.7"),
        (2, "10.0.0.1", "127.0.0.1"),
    ],
)
def test_the_client_is_whom_the_proxies_name_and_no_client_can_choose(hops, header, client):
    told = seen_through(hops, HTTP_X_FORWARDED_FOR=header)
    assert told["REMOTE_ADDR"] == client
    assert proxy_headers.peer_address(told) == "127.0.0.1"
    assert proxy_headers.came_through_proxy(told)


@pytest.mark.parametrize(
    ("header", "scheme"), [("https", "https"), ("http, https", "https"), ("", "http")]
)
def test_the_scheme_is_the_one_that_the_proxy_was_asked_with(header, scheme):
    assert seen_through(1, HTTP_X_FORWARDED_PROTO=header)["wsgi.url_scheme"] == scheme


def test_without_a_header_nobody_came_through_a_proxy():
    told = seen_through(1)
    assert not proxy_headers.came_through_proxy(told)
    assert proxy_headers.is_local(told)


def test_a_unix_socket_has_no_address():
    told = seen_through(1, REMOTE_ADDR="")
    assert proxy_headers.peer_address(told) == ""
    assert proxy_headers.is_local(told)


@pytest.mark.parametrize("name", ["FORWARDED", "X_REAL_IP", "VIA", "X_FORWARDED_HOST"])
def test_any_forwarded_header_speaks_for_somebody_else(name):
    told = seen_through(1, **{f"HTTP_{name}": "x"})
    assert not proxy_headers.is_local(told)
