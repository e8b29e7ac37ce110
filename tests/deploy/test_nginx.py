"""The Nginx configuration, tested with a real Nginx in front of a real Gunicorn."""

import gzip
import http.client
import io
import json
import re
import shutil
import socket
import ssl
import struct
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from deploy.lib import nginx
from myapi.web.errors import REGISTRY
from myapi.wechat.sandbox import Sandbox, SandboxServer
from tests.front import DOMAIN, Front, UnixSocketService
from tests.requirements import need
from tests.servers import HOST, Nginx
from tests.service import PRODUCTION, wait_for
from tests.wire import http2

ID = re.compile("[0-9a-f]{32}")
VERSIONS = {"1.18.0": "20.04", "1.22.1": "12", "1.24.0": "24.04", "1.26.3": "13"}


@pytest.fixture(scope="module")
def gunicorn(migrated_sqlite, tmp_path_factory):
    """The service in production on a Unix socket."""
    folder = tmp_path_factory.mktemp("behind")
    file = shutil.copy(migrated_sqlite, folder)
    with UnixSocketService(
        folder / "http.sock", database_url=f"sqlite:///{file}", **PRODUCTION
    ) as service:
        yield service


@pytest.fixture(scope="module")
def front(gunicorn):
    need(Nginx)
    with Front(gunicorn.path) as server:
        yield server


@pytest.fixture
def front_without_backend():
    """Nginx with low rate limits and without a Gunicorn behind it."""
    need(Nginx)
    with Front("/nowhere/http.sock", rate=1, burst=2, login_burst=1, login_rate=1) as server:
        yield server


def is_error(response, status, name, code):
    error = json.loads(response.body)
    assert (response.status, error["error"], error["code"]) == (status, name, code)
    assert set(error) == {"code", "error", "msg", "request_id"}
    assert ID.fullmatch(error["request_id"])
    assert response.getheader("X-Request-Id") == error["request_id"]
    assert response.getheader("Content-Type") == "application/json"
    assert response.getheader("Cache-Control") == "no-store"
    return True


CONTENT_SECURITY_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def has_common_headers(answer, *, plain=False):
    hsts = None if plain else ["max-age=63072000"]
    assert answer.headers.get_all("Strict-Transport-Security") == hsts
    assert answer.headers.get_all("Content-Security-Policy") == [CONTENT_SECURITY_POLICY]
    assert answer.headers.get_all("Referrer-Policy") == ["no-referrer"]
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.get_all("Cache-Control") == ["no-store"]
    assert len(answer.headers.get_all("X-Request-Id")) == 1
    assert answer.getheader("Server") == "nginx"  # without its version
    charset = "" if answer.status == 301 else "; charset=utf-8"  # Nginx adds none to a redirect
    kinds = ("application/json", f"text/html{charset}", f"text/plain{charset}")
    assert answer.getheader("Content-Type") in kinds
    return True


# ---- the API through Nginx ----


def test_api_answers_over_https_with_security_headers(front):
    answer = front.call("GET", "/api/hello")
    assert answer.status == 200
    assert json.loads(answer.body)["code"] == 0
    assert has_common_headers(answer)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/me"),
        ("GET", "/api/nothing"),
        ("DELETE", "/api/hello"),
        ("TRACE", "/api/hello"),
        ("GET", "/.env"),
        ("GET", "/.well-known/acme-challenge/none"),
        ("GET", "/%zz"),
    ],
)
def test_error_answers_have_security_headers(front, method, path):
    assert has_common_headers(front.call(method, path))


def test_api_error_passes_through_unchanged(front):
    answer = front.call("GET", "/api/me", Accept_Language="zh-CN")
    assert answer.status == 401
    assert answer.getheader("WWW-Authenticate") == 'Bearer realm="myapi"'
    assert is_error(answer, 401, "token_missing", 40100)


def test_request_id_is_set_by_nginx_and_is_the_same_in_both_logs(front, gunicorn):
    answer = front.call("GET", "/api/hello?a=secret", X_Request_Id="from-the-phone")
    request_id = answer.getheader("X-Request-Id")
    assert ID.fullmatch(request_id)
    assert request_id in {line["request_id"] for line in gunicorn.events("request")}
    (line,) = [line for line in front.access_log() if line["request_id"] == request_id]
    assert (line["path"], line["status"], line["ip"]) == ("/api/hello", "200", HOST)
    assert "secret" not in (front.folder / "access.log").read_text()


def test_access_log_line_is_json_for_invalid_bytes(front):
    with front.connect() as connection:
        connection.sendall(
            b"GET /a\xff/b HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: \xe4 x\r\n\r\n"
        )
        assert connection.recv(12) == b"HTTP/1.1 400"  # from Gunicorn
    line = front.access_log()[-1]
    assert (line["path"], line["user_agent"]) == ("/a", "")


def test_token_is_not_in_the_logs(front):
    front.call("GET", "/api/me", Authorization="Bearer the-token-of-alice")
    front.access_log()
    for file in ("access.log", "error.log", "log"):
        assert "the-token-of-alice" not in (front.folder / file).read_text()


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host"]
)
def test_client_cannot_choose_its_address(front, gunicorn, header):
    values = {"Forwarded": "for=203.0.113.9"}
    answer = front.call("GET", "/api/hello", **{header: values.get(header, "203.0.113.9")})
    request_id = answer.getheader("X-Request-Id")
    (line,) = [e for e in gunicorn.events("request") if e["request_id"] == request_id]
    assert line["ip"] == HOST


def test_address_from_a_trusted_load_balancer_is_used(gunicorn):
    need(Nginx)
    with Front(gunicorn.path, trusted_proxies=("127.0.0.0/8", "10.0.0.0/8")) as front:
        seen = "198.51.100.1, 203.0.113.9, 10.1.2.3"  # the last is the balancer's own
        answer = front.call("GET", "/api/hello", X_Forwarded_For=seen)
        assert front.access_log()[-1]["ip"] == "203.0.113.9"
    request_id = answer.getheader("X-Request-Id")
    (line,) = [e for e in gunicorn.events("request") if e["request_id"] == request_id]
    assert line["ip"] == "203.0.113.9"


def test_small_answer_is_not_compressed(front):
    answer = front.call("GET", "/api/hello", Accept_Encoding="gzip")
    assert answer.getheader("Content-Encoding") is None  # too small
    with Front("/nowhere/http.sock") as other:
        config = (other.folder / "nginx.conf").read_text()
    assert "gzip_types application/json;" in config


def test_large_answer_is_compressed(tmp_path):
    need(Nginx)
    big = json.dumps({"code": 0, "data": ["the same"] * 500}).encode()
    with Backend(tmp_path / "http.sock", big), Front(tmp_path / "http.sock") as front:
        answer = front.call("GET", "/api/hello", Accept_Encoding="gzip")
    assert answer.getheader("Content-Encoding") == "gzip"
    assert "Accept-Encoding" in answer.getheader("Vary")
    assert gzip.decompress(answer.body) == big
    assert len(answer.body) < len(big) / 10


class Backend:
    """A backend on a Unix socket that counts its connections and always gives the same answer."""

    def __init__(self, path, body, delay=0.0):
        self.connections = 0
        self.requests = 0
        self.heads = []  # header lines in lower case
        self._body = body
        self._delay = delay
        self._path = str(path)

    def __enter__(self):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self._path)
        self._socket.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_exc):
        self._socket.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        with connection, connection.makefile("rb") as lines:
            while lines.readline():
                length = 0
                while (line := lines.readline().lower()) != b"\r\n":
                    self.heads.append(line)
                    if line.startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                lines.read(length)
                self.requests += 1
                time.sleep(self._delay)
                connection.sendall(head % len(self._body) + self._body)


def test_backend_connections_are_reused_except_for_unsafe_methods(tmp_path):
    need(Nginx)
    backend = Backend(tmp_path / "http.sock", b'{"code": 0}')
    with backend, Front(tmp_path / "http.sock") as front:
        for _ in range(10):
            front.call("GET", "/api/hello")
        assert (backend.requests, backend.connections) == (10, 1)
        for _ in range(5):
            assert front.call("POST", "/api/auth/login", b"{}").status == 200
        assert (backend.requests, backend.connections) == (15, 6)


# ---- what Nginx refuses ----


def test_body_over_the_limit_is_413(front):
    answer = front.call("POST", "/api/auth/login", b"x" * (64 * 1024 + 1))
    assert is_error(answer, 413, "payload_too_large", 41300)
    assert front.call("POST", "/api/auth/login", b"x" * 64 * 1024).status != 413


def test_body_over_the_limit_is_413_in_json_over_http2_too(front):
    context = ssl.create_default_context(cafile=str(front.authority))
    length = (b"content-length", b"65537")
    request = http2.frame(http2.HEADERS, http2.END_HEADERS, http2.block([*http2.POST, length]))
    with front.connect(context=context, protocols=["h2"]) as connection:
        connection.sendall(http2.PREFACE + http2.frame(http2.SETTINGS, 0, b"", 0) + request)
        received = b""
        while b"request_id" not in received and b"</html>" not in received:
            received += connection.recv(65536)
    assert b'{"code":41300,"error":"payload_too_large",' in received


@pytest.fixture(scope="module")
def with_limits(migrated_sqlite, tmp_path_factory):
    """The service and Nginx with a larger body and a shorter time than the defaults."""
    need(Nginx)
    folder = tmp_path_factory.mktemp("limits")
    file = shutil.copy(migrated_sqlite, folder)
    limits = {"max_body_bytes": 300_000, "request_timeout": 2}
    service = UnixSocketService(
        folder / "http.sock",
        app="tests.server.slow_app:app",
        database_url=f"sqlite:///{file}",
        **limits,
        **PRODUCTION,
    )
    with service, Front(service.path, **limits) as front:
        yield front, service


def test_body_of_the_settings_size_passes_nginx_and_the_service(with_limits):
    front, _ = with_limits
    size = 300_000
    answer = front.call("POST", "/api/slow/sleep/0.0", b"x" * size)
    assert (answer.status, json.loads(answer.body)["data"]) == (200, size)
    answer = front.call("POST", "/api/slow/sleep/0.0", b"x" * (size + 1))
    assert is_error(answer, 413, "payload_too_large", 41300)


@pytest.mark.parametrize("size", [2, 200_000])
def test_view_that_takes_too_long_is_cut_off_by_the_service_before_nginx(with_limits, size):
    front, service = with_limits
    started = time.monotonic()
    answer = front.call("POST", "/api/slow/sleep/9.0", b"x" * size)
    assert time.monotonic() - started < 4
    assert is_error(answer, 503, "service_unavailable", 50300)
    assert answer.getheader("Retry-After") == "2"
    line = front.access_log()[-1]
    assert (line["status"], line["upstream_status"]) == ("503", "503")
    (logged,) = [
        e for e in service.events("request") if e["request_id"] == answer.getheader("X-Request-Id")
    ]
    assert (logged["status"], logged["error"]) == (503, "service_unavailable")


# ---- pictures ----


@pytest.fixture(scope="module")
def pictures(migrated_sqlite, tmp_path_factory):
    """Nginx, the service and a sandbox behind it, and the headers of a user who is logged in."""
    need(Nginx)
    folder = tmp_path_factory.mktemp("pictures")
    file = shutil.copy(migrated_sqlite, folder)
    sandbox = Sandbox(folder / "sandbox.db")
    with SandboxServer(sandbox) as wechat:
        service = UnixSocketService(
            folder / "http.sock",
            database_url=f"sqlite:///{file}",
            wechat_base_url=wechat.url,
            public_url=f"https://{DOMAIN}",
            **PRODUCTION,
        )
        with service, Front(service.path) as front:
            code = json.dumps({"code": "alice"})
            login = front.call("POST", "/api/auth/login", code, Content_Type="application/json")
            token = json.loads(login.body)["data"]["token"]
            yield front, {"Authorization": f"Bearer {token}"}
    sandbox.close()


def upload(pictures, size):
    """Upload a JPEG that has `size` bytes with what is behind it."""
    front, headers = pictures
    file = io.BytesIO()
    Image.effect_noise((400, 300), 50).save(file, "JPEG")
    picture = file.getvalue().ljust(size, b"\0")
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    body = head + picture + b"\r\n--x--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    return front.call("POST", "/api/me/avatar", body, **headers, **kind)


def test_picture_of_2_mib_passes_and_a_larger_one_is_413(pictures):
    assert upload(pictures, 2 * 2**20).status == 200
    for size in (2 * 2**20 + 1, 2 * 2**20 + 50_000):  # refused by the service, and by Nginx
        assert is_error(upload(pictures, size), 413, "payload_too_large", 41300)
    front, headers = pictures
    large = front.call("PUT", "/api/me", b"x" * 65_537, **headers)
    assert is_error(large, 413, "payload_too_large", 41300)


def test_picture_is_shown_through_nginx_with_headers_of_its_own(pictures):
    front, headers = pictures
    url = json.loads(upload(pictures, 0).body)["data"]["avatar_url"]
    path = url.removeprefix(f"https://{DOMAIN}")
    assert path.startswith("/avatars/")
    answer = front.call("GET", path)
    assert Image.open(io.BytesIO(answer.body)).size == (400, 300)
    assert answer.getheader("Content-Type") == "image/jpeg"
    assert answer.headers.get_all("Cache-Control") == ["private, max-age=86400, immutable"]
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.get_all("Strict-Transport-Security") == ["max-age=63072000"]
    assert answer.headers.get_all("Content-Security-Policy") == [CONTENT_SECURITY_POLICY]
    again = front.call("GET", path, If_None_Match=answer.getheader("ETag"))
    assert (again.status, again.body) == (304, b"")
    assert again.headers.get_all("Cache-Control") == ["private, max-age=86400, immutable"]
    assert front.call("DELETE", "/api/me/avatar", **headers).status == 200
    assert is_error(front.call("GET", path), 404, "not_found", 40400)


@pytest.mark.parametrize(
    ("limits", "lines"),
    [
        (
            {},
            (
                "max_body_size 65536;",
                "max_body_size 2113536;",
                "body_buffer_size 65536;",
                "read_timeout 25s;",
            ),
        ),
        (
            {"max_body_bytes": 2**24, "request_timeout": 60},
            ("max_body_size 16777216;", "body_buffer_size 1048576;", "read_timeout 65s;"),
        ),
        (
            {"max_body_bytes": 1024, "request_timeout": 1},
            ("max_body_size 1024;", "body_buffer_size 16384;", "read_timeout 25s;"),
        ),
    ],
)
def test_limits_of_nginx_are_derived_from_the_settings(limits, lines):
    site = nginx.Site("x", (1, 22, 1), certificate="c", key="k", **limits)
    for line in lines:
        assert line in nginx.render(site)


@pytest.mark.parametrize(
    "path", ["/.git/config", "/.env", "/api/.git/HEAD", "/a/.hidden", "/metrics", "/.myapi/413"]
)
def test_hidden_files_and_internal_paths_are_404(front, path):
    assert is_error(front.call("GET", path), 404, "not_found", 40400)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "TRACK", "PROPFIND", "X", "A" * 30])
def test_unused_method_is_405(front, method):
    assert is_error(front.call(method, "/api/hello"), 405, "method_not_allowed", 40500)


HEAD = f"POST /api/auth/login HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n".encode()
CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"
AMBIGUOUS_LENGTHS = {
    "length and chunked": b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "invalid length": b"Content-Length: +2\r\n\r\n{}",
    "unknown transfer encoding": b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS,
}


@pytest.mark.parametrize("rest", AMBIGUOUS_LENGTHS.values(), ids=AMBIGUOUS_LENGTHS)
def test_body_of_ambiguous_length_does_not_reach_gunicorn(front, gunicorn, rest):
    seen = len(gunicorn.events("request"))
    with front.connect() as connection:
        connection.sendall(HEAD + rest)
        response = http.client.HTTPResponse(connection)
        response.begin()
        response.read()
    assert response.status in {400, 501}
    assert len(gunicorn.events("request")) == seen


def test_long_path_is_414(front):
    answer = front.call("GET", "/api/" + "a" * 5000)
    assert is_error(answer, 414, "invalid_request", 40000)


def test_too_large_header_is_an_invalid_request(front):
    answer = front.call("GET", "/api/hello", Authorization="Bearer " + "a" * 9000)
    assert is_error(answer, 400, "invalid_request", 40000)


def test_malformed_request_is_an_invalid_request(front):
    with front.connect() as connection:
        connection.sendall(b"GET /api/hello HTTP/1.1\r\nno header\x00\r\n\r\n")
        response = http.client.HTTPResponse(connection)
        response.begin()
        response.body = response.read()
    assert is_error(response, 400, "invalid_request", 40000)


def test_without_gunicorn_answer_is_503_with_retry_after(front_without_backend):
    answer = front_without_backend.call("POST", "/api/hello")
    assert is_error(answer, 503, "service_unavailable", 50300)
    assert answer.getheader("Retry-After") == "2"


def test_too_many_requests_from_one_address_are_429(front_without_backend):
    answers = [front_without_backend.call("GET", "/api/hello") for _ in range(12)]
    within_burst = [answer.status for answer in answers][:3]
    assert within_burst == [503] * 3  # there is no Gunicorn
    refused = [answer for answer in answers if answer.status == 429]
    assert is_error(refused[0], 429, "rate_limited", 42900)
    assert refused[0].getheader("Retry-After") == "1"


def test_logins_have_their_own_limit(gunicorn):
    need(Nginx)
    with Front(gunicorn.path, login_rate=1, login_burst=1) as front:
        logins = [front.call("POST", "/api/auth/login", b"{}") for _ in range(8)]
        refused = [answer for answer in logins if answer.status == 429]
        assert is_error(refused[0], 429, "rate_limited", 42900)
        assert front.call("GET", "/api/hello").status == 200


def test_pushes_of_wechat_have_their_own_limits(gunicorn):
    need(Nginx)
    with Front(gunicorn.path, rate=1, burst=1, push_rate=1, push_burst=5) as front:
        for _ in range(4):
            front.call("GET", "/api/hello")
        assert front.call("GET", "/api/hello").status == 429
        pushes = [front.call("POST", "/wechat/push?nonce=1", b"{}") for _ in range(12)]
        assert [answer.status for answer in pushes[:4]] == [404] * 4  # it has no Token here
        refused = [answer for answer in pushes if answer.status == 429]
        assert is_error(refused[0], 429, "rate_limited", 42900)


@pytest.mark.parametrize(("kilobytes", "status"), [(128, 503), (129, 413)])
def test_push_of_wechat_may_be_larger_than_other_bodies(kilobytes, status):
    need(Nginx)
    with Front("/nowhere/http.sock") as front:
        assert front.call("POST", "/wechat/push", b"x" * kilobytes * 1024).status == status


def test_openid_in_the_url_of_a_push_is_in_no_log():
    need(Nginx)
    with Front("/nowhere/http.sock") as front:
        url = "/wechat/push?nonce=1&openid=o9AgO5Kd5ggOC-bXrbNODIiE3bGY"
        assert front.call("POST", url, b"x" * 100 * 1024).status == 503
        assert front.call("POST", url, b"x" * 129 * 1024).status == 413
        for file in ("access.log", "error.log"):
            assert "o9AgO5Kd5" not in (front.folder / file).read_text()


def test_many_phones_behind_one_address_are_not_limited(front):
    with ThreadPoolExecutor(8) as phones:
        statuses = list(phones.map(lambda _: front.call("GET", "/api/hello").status, range(150)))
    assert set(statuses) == {200}


def test_ipv6_network_of_64_bits_counts_as_one_client():
    need(Nginx)
    site = {"trusted_proxies": ("127.0.0.0/8",), "rate": 1, "burst": 1}

    def status(front, address):
        return front.call("GET", "/api/hello", X_Forwarded_For=address).status

    with Front("/nowhere/http.sock", **site) as front:
        assert status(front, "2001:db8:1:2:aaaa::1") == 503  # not limited; there is no Gunicorn
        assert status(front, "2001:db8:1:2:aaaa::1") == 503
        assert status(front, "2001:db8:1:2:bbbb::2") == 429
        assert status(front, "2001:db8:1:3:aaaa::1") == 503
        assert status(front, "2001:db8::1") == 503
        assert status(front, "2001:db8::1") == 503
        assert status(front, "2001:db8::2") == 429
        assert [status(front, f"192.0.2.{n}") for n in range(1, 5)] == [503] * 4


def test_nginx_errors_are_in_chinese_on_request(front):
    answer = front.call("GET", "/metrics", Accept_Language="zh-CN,zh;q=0.9")
    assert json.loads(answer.body)["msg"] == "资源不存在。"


def test_nginx_errors_equal_those_of_the_api():
    names = {
        400: "invalid_request",
        404: "not_found",
        405: "method_not_allowed",
        413: "payload_too_large",
        429: "rate_limited",
        500: "internal_error",
        503: "service_unavailable",
    }
    for status, name in names.items():
        kind = REGISTRY[name]
        assert nginx.MESSAGES[status] == (kind.msg, kind.msg_zh)
        expected = f'"code":{kind.code},"error":"{name}","msg":"$myapi_msg_{status}"'
        assert expected in (nginx.TEMPLATES / "https.conf").read_text()


# ---- port 80 ----


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/hello", "/api/auth/login?code=1", "/wechat/push", "/healthz", "/readyz"],
)
def test_plain_http_to_the_api_is_refused_and_not_redirected(front, path):
    answer = front.call_http("POST", path)
    assert is_error(answer, 403, "https_required", 40303)
    assert has_common_headers(answer, plain=True)
    assert "https" in json.loads(answer.body)["msg"]


@pytest.mark.parametrize("path", ["/", "/apix", "/a?b=c"])
def test_other_paths_on_port_80_are_redirected(front, path):
    answer = front.call_http("GET", path)
    assert (answer.status, answer.getheader("Location")) == (301, f"https://{DOMAIN}{path}")
    assert has_common_headers(answer, plain=True)


def test_acme_challenge_is_served_on_port_80(front):
    (front.webroot / "token").write_text("proof")
    answer = front.call_http("GET", "/.well-known/acme-challenge/token")
    assert (answer.status, answer.body) == (200, b"proof")
    assert has_common_headers(answer, plain=True)
    missing = front.call_http("GET", "/.well-known/acme-challenge/none")
    assert missing.status == 404
    assert has_common_headers(missing, plain=True)


def test_without_a_certificate_only_port_80_is_served(tmp_path):
    need(Nginx)
    with Front(tmp_path / "http.sock", certificate="") as front:
        assert front.call_http("GET", "/api/hello").status == 403
        with pytest.raises(ConnectionRefusedError):
            front.connect()


# ---- TLS ----


def test_default_server_answers_no_request(front):
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        front.call_http("GET", "/", host="203.0.113.1")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        front.connect("other.example.com", context)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        front.call("GET", "/api/hello", Host="other.example.com")  # our name only in the handshake


@pytest.mark.parametrize(
    ("version", "accepted"),
    [
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_only_tls_1_2_and_1_3_are_accepted(front, version, accepted):
    context = ssl.create_default_context(cafile=str(front.authority))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    if accepted:
        with front.connect(context=context) as connection:
            assert connection.version() == version.name.replace("_", ".")
    else:
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            front.connect(context=context)


@pytest.mark.parametrize(
    ("cipher", "accepted"),
    [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", True),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", True),
        ("ECDHE-ECDSA-AES128-SHA256", False),
        ("ECDHE-ECDSA-AES256-SHA", False),
    ],
)
def test_only_ciphers_of_the_intermediate_profile_are_accepted(front, cipher, accepted):
    context = ssl.create_default_context(cafile=str(front.authority))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher)
    if accepted:
        with front.connect(context=context) as connection:
            assert connection.cipher()[0] == cipher
    else:
        with pytest.raises(ssl.SSLError):
            front.connect(context=context)


def test_http_2_is_offered(front):
    context = ssl.create_default_context(cafile=str(front.authority))
    with front.connect(context=context, protocols=["h2", "http/1.1"]) as connection:
        assert connection.selected_alpn_protocol() == "h2"


def literal(name, value):
    """Encode a header field for HPACK (RFC 7541, 6.2.2), without indexing or compression."""
    return b"\x00" + b"".join(bytes([len(text)]) + text for text in (name, value))


def frame(kind, flags, stream, payload):
    head = struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream)
    return head + payload


def h2(front, *fields, method=b"GET", path=b"/api/hello"):
    """Send one HTTP/2 request without a body; return type and payload of the first reply frame."""
    pseudo = [(b":method", method), (b":path", path), (b":scheme", b"https")]
    pseudo.append((b":authority", DOMAIN.encode()))
    block = b"".join(literal(*field) for field in (*pseudo, *fields))
    context = ssl.create_default_context(cafile=str(front.authority))
    with front.connect(context=context, protocols=["h2"]) as connection:
        request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 5, 1, block)
        connection.sendall(request)
        with connection.makefile("rb") as answer:
            while head := answer.read(9):
                payload = answer.read(int.from_bytes(head[:3], "big"))
                if int.from_bytes(head[5:9], "big") == 1:
                    return head[3], payload
    raise AssertionError("no answer")


HEADERS, RST_STREAM = 1, 3
STATUS = {200: b"\x88", 400: b"\x8c"}  # from HPACK's static table


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\nb", b"a\rb", b"a\0b"])
def test_http_2_header_with_line_break_or_nul_is_refused(front, gunicorn, value):
    assert h2(front)[1].startswith(STATUS[200])
    seen = len(gunicorn.events("request"))
    assert h2(front, (b"x-a", value))[0] == RST_STREAM
    assert len(gunicorn.events("request")) == seen


def test_wrong_content_length_over_http_2_is_an_invalid_request(front):
    kind, payload = h2(front, (b"content-length", b"9"), method=b"POST", path=b"/api/auth/login")
    assert kind == HEADERS
    assert payload.startswith(STATUS[400])


@pytest.mark.parametrize(
    "field", [(b"transfer-encoding", b"chunked"), (b"connection", b"x-a"), (b"upgrade", b"h2c")]
)
def test_connection_headers_over_http_2_are_not_forwarded(tmp_path, field):
    need(Nginx)
    backend = Backend(tmp_path / "http.sock", b'{"code": 0}')
    with backend, Front(tmp_path / "http.sock") as front:
        kind, payload = h2(front, field)
    assert kind == HEADERS
    assert payload[:1] in STATUS.values()
    assert not any(line.startswith(field[0] + b":") for line in backend.heads)


# ---- restarts ----


def test_restart_of_gunicorn_loses_no_request(tmp_path, migrated_sqlite):
    """As with systemd, the socket outlives Gunicorn, so requests wait in its queue."""
    need(Nginx)
    url = f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'served.db')}"
    path = tmp_path / "http.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(2048)
        settings = {"database_url": url, "workers": 2, **PRODUCTION}
        with (
            Activated(listening, path, rate_limit_login_failed="99999", **settings) as service,
            Front(path, burst=9999, login_rate=999) as front,
            Calls(front, "GET", "/api/hello") as gets,
            Calls(front, "POST", "/api/auth/login", b"{}") as posts,
        ):
            for _ in range(3):
                seen = len(gets.statuses), len(posts.statuses)
                service.stop()
                service.start()
                wait_for(lambda seen=seen: len(gets.statuses) > seen[0] + 20)
                wait_for(lambda seen=seen: len(posts.statuses) > seen[1] + 20)
    assert set(gets.statuses) == {200}
    assert set(posts.statuses) == {400}  # answered by the API, though not a valid login


class Calls:
    """Threads that repeat one call while the block runs. A failed call has the status 0."""

    def __init__(self, front, method, path, body=None, threads=3):
        self.statuses = []
        self._call = lambda: front.call(method, path, body, Content_Type="application/json")
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        while not self._stop.is_set():
            try:
                self.statuses.append(self._call().status)
            except (OSError, http.client.HTTPException):
                self.statuses.append(0)


PASS_SOCKET = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.argv[2], sys.argv[2:])
"""


class Activated(UnixSocketService):
    """The service on an inherited socket, as from a systemd socket unit."""

    def __init__(self, listening, path, **settings):
        super().__init__(path, **settings)
        self.settings["bind"] = f"{HOST}:1"  # the inherited socket takes precedence
        self._listening = listening

    def command(self):
        return [
            sys.executable,
            "-c",
            PASS_SOCKET,
            str(self._listening.fileno()),
            *super().command(),
        ]

    def popen_options(self):
        return {**super().popen_options(), "pass_fds": [self._listening.fileno()]}


# ---- Nginx versions, and other sites on the same Nginx ----


@pytest.mark.parametrize("version", VERSIONS)
def test_configuration_suits_each_nginx_version(version):
    site = nginx.Site(DOMAIN, tuple(map(int, version.split("."))), "/c.pem", "/k.pem")
    text = nginx.render(site)
    new, reject = version == "1.26.3", version != "1.18.0"
    assert ("http2 on;" in text) == new
    assert ("ssl http2" in text) == (not new)
    assert ("ssl_reject_handshake on;" in text) == reject
    assert ("keepalive_time " in text) == reject
    assert not re.search("@[A-Z0-9_]+@|#\\?|ssl_stapling", text)
    assert text.count("{") == text.count("}")
    assert "listen [::]:443 ssl" in text


def test_configuration_for_1_18_works_on_the_installed_version(gunicorn):
    """Versions up to 1.24 accept everything in it."""
    need(Nginx)
    with Front(gunicorn.path, version=(1, 18, 0)) as front:
        assert front.call("GET", "/api/hello").status == 200


DUMP = """\
# configuration file /etc/nginx/nginx.conf:
http { include /etc/nginx/sites-enabled/*; }
# configuration file /etc/nginx/sites-enabled/shop:
server {
    # listen 8080;
    listen 80; listen [::]:80;
    listen 127.0.0.1:443 ssl;
    listen unix:/run/x.sock;
    server_name shop.example.com www.shop.example.com;
}
# configuration file /etc/nginx/sites-enabled/silent:
server { server_name silent.example.com; }
# configuration file /etc/nginx/sites-enabled/zz-myapi.conf:
server { listen 80 default_server; server_name api.example.com; }
"""
OWN = "/etc/nginx/sites-enabled/zz-myapi.conf"


def test_other_site_keeps_the_default_server_of_its_port():
    ports = {(Path(listen.file).name, listen.port) for listen in nginx.other_listens(DUMP, OWN)}
    assert ports == {("shop", 80), ("shop", 443), ("silent", 80)}
    text = nginx.render(nginx.Site(DOMAIN, (1, 22, 1), "/c", "/k", default_http=False))
    assert "listen 80 default_server" not in text
    assert "listen 443 ssl http2 default_server" in text


def test_http2_is_left_out_if_another_site_shares_the_port():
    """Before 1.25.1 HTTP/2 is a property of the port, so of every site that listens there."""
    text = nginx.render(nginx.Site(DOMAIN, (1, 22, 1), "/c", "/k", http2=False))
    assert "listen 443 ssl;" in text
    assert "http2" not in text
    assert not nginx.others_use_http2(DUMP, OWN)
    assert nginx.others_use_http2(DUMP.replace("ssl;", "ssl http2;", 1), OWN)


def test_domain_of_another_site_is_found():
    assert nginx.files_with_name(DUMP, OWN, "www.shop.example.com") == [
        "/etc/nginx/sites-enabled/shop"
    ]
    assert nginx.files_with_name(DUMP, OWN, DOMAIN) == []


def test_version_is_parsed_from_nginx_output():
    assert nginx.version("nginx version: nginx/1.18.0 (Ubuntu)") == (1, 18, 0)
    with pytest.raises(ValueError, match="no Nginx version"):
        nginx.version("apache")
