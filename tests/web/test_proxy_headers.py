"""The address and the scheme of the client behind trusted proxies."""

import pytest

from myapi.web import proxy_headers


def environ_behind(hops, header="X-Forwarded-For", **environ):
    """Return the WSGI environ as an app behind `hops` trusted proxies sees it."""
    result = {"REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http", **environ}
    app = proxy_headers.ProxyHeaders(lambda environ, start: [], hops, header)
    app(result, lambda status, headers: None)
    return result


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
def test_client_address_is_the_one_of_the_trusted_proxies(hops, header, client):
    environ = environ_behind(hops, HTTP_X_FORWARDED_FOR=header)
    assert environ["REMOTE_ADDR"] == client
    assert proxy_headers.peer_address(environ) == "127.0.0.1"
    assert proxy_headers.came_through_proxy(environ)


@pytest.mark.parametrize(
    ("hops", "forwarded", "client"),
    [
        (1, {"HTTP_ALI_CDN_REAL_IP": "1.1.1.1, 192.0.2.7"}, "192.0.2.7"),
        (2, {"HTTP_ALI_CDN_REAL_IP": "192.0.2.7, 10.0.0.1"}, "192.0.2.7"),
        (1, {"HTTP_ALI_CDN_REAL_IP": "192.0.2.7", "HTTP_X_FORWARDED_FOR": "1.1.1.1"}, "192.0.2.7"),
        (1, {"HTTP_X_FORWARDED_FOR": "1.1.1.1", "HTTP_X_REAL_IP": "1.1.1.1"}, "127.0.0.1"),
    ],
)
def test_client_address_is_in_the_header_of_the_settings_alone(hops, forwarded, client):
    environ = environ_behind(hops, "Ali-CDN-Real-IP", **forwarded)
    assert environ["REMOTE_ADDR"] == client
    assert proxy_headers.came_through_proxy(environ)
    assert not proxy_headers.is_local(environ)


@pytest.mark.parametrize(
    ("header", "scheme"), [("https", "https"), ("http, https", "https"), ("", "http")]
)
def test_scheme_is_the_one_of_the_request_to_the_proxy(header, scheme):
    assert environ_behind(1, HTTP_X_FORWARDED_PROTO=header)["wsgi.url_scheme"] == scheme


def test_request_without_headers_did_not_come_through_a_proxy():
    environ = environ_behind(1)
    assert not proxy_headers.came_through_proxy(environ)
    assert proxy_headers.is_local(environ)


def test_unix_socket_has_no_address_and_is_local():
    environ = environ_behind(1, REMOTE_ADDR="")
    assert proxy_headers.peer_address(environ) == ""
    assert proxy_headers.is_local(environ)


@pytest.mark.parametrize("name", ["FORWARDED", "X_REAL_IP", "VIA", "X_FORWARDED_HOST"])
def test_request_with_any_forwarding_header_is_not_local(name):
    environ = environ_behind(1, **{f"HTTP_{name}": "x"})
    assert not proxy_headers.is_local(environ)
