"""Whether Nginx and the service have the same limits."""

import dataclasses

import pytest

from deploy.lib import nginx
from doctor import Server
from tests.doctor.example import NAME, URL, failing, here


@pytest.fixture
def server(tmp_path):
    """A server whose Nginx has a file."""

    def server(text, **limits):
        (tmp_path / "sites-enabled").mkdir()
        (tmp_path / "sites-enabled" / "zz-myapi.conf").write_text(text, "utf-8")
        return Server(nginx=tmp_path, **{"max_body_bytes": 65536, "request_timeout": 20, **limits})

    return server


def as_deployed(**limits):
    return nginx.render(nginx.Site(NAME, (1, 22, 1), certificate="c", key="k", **limits))


@pytest.mark.parametrize("seconds", [1, 20, 60])
@pytest.mark.parametrize("size", [1024, 65536, 2**24])
def test_nginx_as_deployed_has_the_limits_of_the_service(server, size, seconds):
    limits = {"max_body_bytes": size, "request_timeout": seconds}
    found = here("limits", server(as_deployed(**limits), **limits), URL)
    assert (found.status, f"MYAPI_MAX_BODY_BYTES {size}" in found.evidence.en) == ("ok", True)


@pytest.mark.parametrize(
    ("limits", "status", "evidence"),
    [
        ({"max_body_bytes": 2**20}, "fail", "client_max_body_size 65536, "),
        ({"max_body_bytes": 8192}, "warn", "client_max_body_size 65536, "),
        ({"request_timeout": 25}, "fail", "proxy_read_timeout 25 s, MYAPI_REQUEST_TIMEOUT 25 s"),
        ({"request_timeout": 24}, "ok", ""),
    ],
)
def test_setting_that_was_changed_without_up_is_told(server, limits, status, evidence):
    found = here("limits", server(as_deployed(), **limits), URL)
    assert found.status == status
    assert evidence in found.evidence.en
    assert status == "ok" or "deploy/myapi up" in found.fix.en


HTTPS = "listen 443 ssl; server_name www.example.com api.example.com;"


@pytest.mark.parametrize(
    ("inside", "status"),
    [
        ("client_max_body_size 64k; proxy_read_timeout 1m;", "ok"),
        ("client_max_body_size 64K; location / { proxy_read_timeout 5s; }", "fail"),
        ("client_max_body_size 0;", "warn"),
        ("", "warn"),  # Nginx's defaults: 1m and 60s
        ("client_max_body_size 1m; location /api/ { client_max_body_size 8k; }", "fail"),
        ("# client_max_body_size 8k;\n client_max_body_size 64k;", "ok"),
    ],
)
def test_nginx_of_one_s_own_is_read(server, inside, status):
    other = "server { listen 443 ssl; server_name other.example.com; client_max_body_size 1k; }"
    plain = f"server {{ listen 80; server_name {NAME}; client_max_body_size 1k; }}"
    text = f"{other}\n{plain}\nserver {{ {HTTPS} {inside} }}"
    assert here("limits", server(text), URL).status == status


def test_it_is_skipped_where_nginx_or_the_settings_are_not_known(server, tmp_path):
    unknown = server("server { listen 443 ssl; server_name other.example.com; }")
    assert here("limits", unknown, URL).status == "skip"
    assert here("limits", dataclasses.replace(unknown, max_body_bytes=0), URL).status == "skip"
    assert here("limits", dataclasses.replace(unknown, nginx=tmp_path / "no"), URL).status == "skip"


@pytest.mark.parametrize(("limit", "failed"), [("1m", set()), ("100k", {"body_limit"})])
def test_on_the_server_a_body_of_the_largest_size_is_sent(installed, look, limit, failed):
    size = 300_000
    _, front = installed(location=f"client_max_body_size {limit};", max_body_bytes=size)
    server = Server(max_body_bytes=size, request_timeout=20)
    results = look(front.port, front.plain, server=server, only=["body_limit"])
    assert failing(results) == failed
