"""The Nginx file: each of its promises, on a real Nginx in front of a real Gunicorn."""

import gzip
import http.client
import json
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.lib import nginx
from myapi.web.errors import REGISTRY
from tests.front import DOMAIN, Front, OnSocket
from tests.requirements import need
from tests.servers import HOST, Nginx
from tests.service import PRODUCTION, wait_for

ID = re.compile("[0-9a-f]{32}")
VERSIONS = {"1.18.0": "20.04", "1.22.1": "12", "1.24.0": "24.04", "1.26.3": "13"}


@pytest.fixture(scope="module")
def gunicorn(migrated_sqlite, tmp_path_factory):
    """A service in production on a Unix socket, as Nginx sees it."""
    folder = tmp_path_factory.mktemp("behind")
    file = shutil.copy(migrated_sqlite, folder)
    with OnSocket(folder / "http.sock", database_url=f"sqlite:///{file}", **PRODUCTION) as service:
        yield service


@pytest.fixture(scope="module")
def front(gunicorn):
    need(Nginx)
    with Front(gunicorn.path) as server:
        yield server


@pytest.fixture
def alone():
    """Nginx in front of a Gunicorn that is not there, with limits that are soon reached."""
    need(Nginx)
    with Front("/nowhere/http.sock", rate=1, burst=2, login_burst=1, login_rate=1) as server:
        yield server


def is_error(response, status, name, code):
    told = json.loads(response.body)
    assert (response.status, told["error"], told["code"]) == (status, name, code)
    assert set(told) == {"code", "error", "msg", "request_id"}
    assert ID.fullmatch(told["request_id"])
    assert response.getheader("X-Request-Id") == told["request_id"]
    assert response.getheader("Content-Type") == "application/json"
    assert response.getheader("Cache-Control") == "no-store"
    return True


NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def has_the_headers_of_all(answer, *, plain=False):
    hsts = None if plain else ["max-age=63072000"]
    assert answer.headers.get_all("Strict-Transport-Security") == hsts
    assert answer.headers.get_all("Content-Security-Policy") == [NOTHING]
    assert answer.headers.get_all("Referrer-Policy") == ["no-referrer"]
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.get_all("Cache-Control") == ["no-store"]
    assert len(answer.headers.get_all("X-Request-Id")) == 1
    assert answer.getheader("Server") == "nginx"  # without its version
    charset = "" if answer.status == 301 else "; charset=utf-8"  # Nginx gives a redirect none
    kinds = ("application/json", f"text/html{charset}", f"text/plain{charset}")
    assert answer.getheader("Content-Type") in kinds
    return True


# ---- the API through it ----


def test_the_api_answers_over_https_with_the_headers_of_a_safe_site(front):
    answer = front.call("GET", "/api/hello")
    assert answer.status == 200
    assert json.loads(answer.body)["code"] == 0
    assert has_the_headers_of_all(answer)


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
def test_an_answer_that_is_none_of_success_has_them_too(front, method, path):
    assert has_the_headers_of_all(front.call(method, path))


def test_an_error_of_the_api_passes_as_it_is(front):
    answer = front.call("GET", "/api/me", Accept_Language="zh-CN")
    assert answer.status == 401
    assert answer.getheader("WWW-Authenticate") == 'Bearer realm="myapi"'
    assert is_error(answer, 401, "token_missing", 40100)


def test_the_request_id_is_ours_and_the_same_in_both_logs(front, gunicorn):
    answer = front.call("GET", "/api/hello?a=secret", X_Request_Id="from-the-phone")
    mine = answer.getheader("X-Request-Id")
    assert ID.fullmatch(mine)
    assert mine in {line["request_id"] for line in gunicorn.events("request")}
    (line,) = [line for line in front.logged() if line["request_id"] == mine]
    assert (line["path"], line["status"], line["ip"]) == ("/api/hello", "200", HOST)
    assert "secret" not in (front.folder / "access.log").read_text()


def test_a_line_of_the_log_is_json_whatever_is_sent(front):
    with front.connect() as connection:
        connection.sendall(
            b"GET /a\xff/b HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: \xe4 x\r\n\r\n"
        )
        assert connection.recv(12) == b"HTTP/1.1 400"  # Gunicorn's word
    line = front.logged()[-1]
    assert (line["path"], line["user_agent"]) == ("/a", "")


def test_no_token_is_in_the_log(front):
    front.call("GET", "/api/me", Authorization="Bearer the-token-of-alice")
    front.logged()
    for file in ("access.log", "error.log", "log"):
        assert "the-token-of-alice" not in (front.folder / file).read_text()


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host"]
)
def test_a_client_cannot_choose_its_address(front, gunicorn, header):
    values = {"Forwarded": "for=203.0.113.9"}
    answer = front.call("GET", "/api/hello", **{header: values.get(header, "203.0.113.9")})
    mine = answer.getheader("X-Request-Id")
    (line,) = [e for e in gunicorn.events("request") if e["request_id"] == mine]
    assert line["ip"] == HOST


def test_behind_a_load_balancer_its_word_on_the_address_counts(gunicorn):
    need(Nginx)
    with Front(gunicorn.path, trusted_proxies=("127.0.0.0/8", "10.0.0.0/8")) as front:
        seen = "198.51.100.1, 203.0.113.9, 10.1.2.3"  # the last is the balancer's own
        answer = front.call("GET", "/api/hello", X_Forwarded_For=seen)
        assert front.logged()[-1]["ip"] == "203.0.113.9"
    mine = answer.getheader("X-Request-Id")
    (line,) = [e for e in gunicorn.events("request") if e["request_id"] == mine]
    assert line["ip"] == "203.0.113.9"


def test_json_is_compressed_where_it_is_worth_it(front):
    answer = front.call("GET", "/api/hello", Accept_Encoding="gzip")
    assert answer.getheader("Content-Encoding") is None  # too small
    with Front("/nowhere/http.sock") as other:
        config = (other.folder / "nginx.conf").read_text()
    assert "gzip_types application/json;" in config


def test_a_large_answer_is_compressed(tmp_path):
    need(Nginx)
    big = json.dumps({"code": 0, "data": ["the same"] * 500}).encode()
    with Backend(tmp_path / "http.sock", big), Front(tmp_path / "http.sock") as front:
        answer = front.call("GET", "/api/hello", Accept_Encoding="gzip")
    assert answer.getheader("Content-Encoding") == "gzip"
    assert "Accept-Encoding" in answer.getheader("Vary")
    assert gzip.decompress(answer.body) == big
    assert len(answer.body) < len(big) / 10


class Backend:
    """A backend on a Unix socket that counts its connections and gives one answer to all."""

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


def test_connections_to_gunicorn_are_kept_but_never_for_a_call_that_must_not_be_repeated(tmp_path):
    need(Nginx)
    backend = Backend(tmp_path / "http.sock", b'{"code": 0}')
    with backend, Front(tmp_path / "http.sock") as front:
        for _ in range(10):
            front.call("GET", "/api/hello")
        assert (backend.requests, backend.connections) == (10, 1)
        for _ in range(5):
            assert front.call("POST", "/api/auth/login", b"{}").status == 200
        assert (backend.requests, backend.connections) == (15, 6)


# ---- what it refuses by itself ----


def test_a_body_over_the_limit_is_413(front):
    answer = front.call("POST", "/api/auth/login", b"x" * (64 * 1024 + 1))
    assert is_error(answer, 413, "payload_too_large", 41300)
    assert front.call("POST", "/api/auth/login", b"x" * 64 * 1024).status != 413


@pytest.mark.parametrize(
    "path", ["/.git/config", "/.env", "/api/.git/HEAD", "/a/.hidden", "/metrics", "/.myapi/413"]
)
def test_what_is_nobodys_business_is_404(front, path):
    assert is_error(front.call("GET", path), 404, "not_found", 40400)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "TRACK", "PROPFIND", "X", "A" * 30])
def test_a_method_that_no_route_can_have_is_405(front, method):
    assert is_error(front.call(method, "/api/hello"), 405, "method_not_allowed", 40500)


HEAD = f"POST /api/auth/login HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n".encode()
CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"
LENGTHS = {
    "length and chunks": b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length that is none": b"Content-Length: +2\r\n\r\n{}",
    "chunks by another name": b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS,
}


@pytest.mark.parametrize("rest", LENGTHS.values(), ids=LENGTHS)
def test_a_body_whose_end_is_in_doubt_reaches_nobody(front, gunicorn, rest):
    seen = len(gunicorn.events("request"))
    with front.connect() as connection:
        connection.sendall(HEAD + rest)
        response = http.client.HTTPResponse(connection)
        response.begin()
        response.read()
    assert response.status in {400, 501}
    assert len(gunicorn.events("request")) == seen


def test_a_long_path_is_414(front):
    answer = front.call("GET", "/api/" + "a" * 5000)
    assert is_error(answer, 414, "invalid_request", 40000)


def test_a_header_that_is_too_large_is_an_invalid_request(front):
    answer = front.call("GET", "/api/hello", Authorization="Bearer " + "a" * 9000)
    assert is_error(answer, 400, "invalid_request", 40000)


def test_a_request_that_is_none_is_an_invalid_request(front):
    with front.connect() as connection:
        connection.sendall(b"GET /api/hello HTTP/1.1\r\nno header\x00\r\n\r\n")
        response = http.client.HTTPResponse(connection)
        response.begin()
        response.body = response.read()
    assert is_error(response, 400, "invalid_request", 40000)


def test_without_gunicorn_it_is_503_and_says_when_to_come_back(alone):
    answer = alone.call("POST", "/api/hello")
    assert is_error(answer, 503, "service_unavailable", 50300)
    assert answer.getheader("Retry-After") == "2"


def test_a_flood_of_one_address_is_429(alone):
    answers = [alone.call("GET", "/api/hello") for _ in range(12)]
    assert [answer.status for answer in answers][:3] == [503] * 3  # the burst; no Gunicorn
    refused = [answer for answer in answers if answer.status == 429]
    assert is_error(refused[0], 429, "rate_limited", 42900)
    assert refused[0].getheader("Retry-After") == "1"


def test_logins_have_a_limit_of_their_own(gunicorn):
    need(Nginx)
    with Front(gunicorn.path, login_rate=1, login_burst=1) as front:
        logins = [front.call("POST", "/api/auth/login", b"{}") for _ in range(8)]
        refused = [answer for answer in logins if answer.status == 429]
        assert is_error(refused[0], 429, "rate_limited", 42900)
        assert front.call("GET", "/api/hello").status == 200


def test_many_phones_behind_one_address_are_not_stopped(front):
    with ThreadPoolExecutor(8) as phones:
        statuses = list(phones.map(lambda _: front.call("GET", "/api/hello").status, range(150)))
    assert set(statuses) == {200}


def test_an_ipv6_network_of_64_bits_counts_as_one_client():
    need(Nginx)
    site = {"trusted_proxies": ("127.0.0.0/8",), "rate": 1, "burst": 1}

    def status(front, address):
        return front.call("GET", "/api/hello", X_Forwarded_For=address).status

    with Front("/nowhere/http.sock", **site) as front:
        assert status(front, "2001:db8:1:2:aaaa::1") == 503  # through: there is no Gunicorn
        assert status(front, "2001:db8:1:2:aaaa::1") == 503
        assert status(front, "2001:db8:1:2:bbbb::2") == 429
        assert status(front, "2001:db8:1:3:aaaa::1") == 503
        assert status(front, "2001:db8::1") == 503
        assert status(front, "2001:db8::1") == 503
        assert status(front, "2001:db8::2") == 429
        assert [status(front, f"192.0.2.{n}") for n in range(1, 5)] == [503] * 4


def test_its_own_words_come_in_chinese_where_they_are_asked_for(front):
    answer = front.call("GET", "/metrics", Accept_Language="zh-CN,zh;q=0.9")
    assert json.loads(answer.body)["msg"] == "资源不存在。"


def test_it_says_what_the_api_would_say():
    of = {
        400: "invalid_request",
        404: "not_found",
        405: "method_not_allowed",
        413: "payload_too_large",
        429: "rate_limited",
        500: "internal_error",
        503: "service_unavailable",
    }
    for status, name in of.items():
        kind = REGISTRY[name]
        assert nginx.MESSAGES[status] == (kind.msg, kind.msg_zh)
        found = f'"code":{kind.code},"error":"{name}","msg":"$myapi_msg_{status}"'
        assert found in (nginx.TEMPLATES / "https.conf").read_text()


# ---- port 80 ----


@pytest.mark.parametrize(
    "path", ["/api", "/api/hello", "/api/auth/login?code=1", "/healthz", "/readyz"]
)
def test_plain_http_to_the_api_is_refused_and_not_redirected(front, path):
    answer = front.plain("POST", path)
    assert is_error(answer, 403, "https_required", 40303)
    assert has_the_headers_of_all(answer, plain=True)
    assert "https" in json.loads(answer.body)["msg"]


@pytest.mark.parametrize("path", ["/", "/apix", "/a?b=c"])
def test_the_rest_of_port_80_is_redirected(front, path):
    answer = front.plain("GET", path)
    assert (answer.status, answer.getheader("Location")) == (301, f"https://{DOMAIN}{path}")
    assert has_the_headers_of_all(answer, plain=True)


def test_the_authoritys_challenge_is_served_on_port_80(front):
    (front.webroot / "token").write_text("proof")
    answer = front.plain("GET", "/.well-known/acme-challenge/token")
    assert (answer.status, answer.body) == (200, b"proof")
    assert has_the_headers_of_all(answer, plain=True)
    missing = front.plain("GET", "/.well-known/acme-challenge/none")
    assert missing.status == 404
    assert has_the_headers_of_all(missing, plain=True)


def test_before_there_is_a_certificate_port_80_works_alone(tmp_path):
    need(Nginx)
    with Front(tmp_path / "http.sock", certificate="") as front:
        assert front.plain("GET", "/api/hello").status == 403
        with pytest.raises(ConnectionRefusedError):
            front.connect()


# ---- TLS ----


def test_the_default_server_answers_nobody(front):
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        front.plain("GET", "/", host="203.0.113.1")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        front.connect("other.example.com", context)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        front.call("GET", "/api/hello", Host="other.example.com")  # our name in the handshake alone


@pytest.mark.parametrize(
    ("version", "welcome"),
    [
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_1_2_and_1_3_alone(front, version, welcome):
    context = ssl.create_default_context(cafile=str(front.authority))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    if welcome:
        with front.connect(context=context) as connection:
            assert connection.version() == version.name.replace("_", ".")
    else:
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            front.connect(context=context)


@pytest.mark.parametrize(
    ("cipher", "welcome"),
    [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", True),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", True),
        ("ECDHE-ECDSA-AES128-SHA256", False),
        ("ECDHE-ECDSA-AES256-SHA", False),
    ],
)
def test_only_ciphers_of_the_intermediate_profile(front, cipher, welcome):
    context = ssl.create_default_context(cafile=str(front.authority))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher)
    if welcome:
        with front.connect(context=context) as connection:
            assert connection.cipher()[0] == cipher
    else:
        with pytest.raises(ssl.SSLError):
            front.connect(context=context)


def test_http_2_is_spoken(front):
    context = ssl.create_default_context(cafile=str(front.authority))
    with front.connect(context=context, protocols=["h2", "http/1.1"]) as connection:
        assert connection.selected_alpn_protocol() == "h2"


def literal(name, value):
    """Write a header field of HPACK (RFC 7541, 6.2.2), neither indexed nor compressed."""
    return b"\x00" + b"".join(bytes([len(text)]) + text for text in (name, value))


def frame(kind, flags, stream, payload):
    head = struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream)
    return head + payload


def h2(front, *fields, method=b"GET", path=b"/api/hello"):
    """Send one request without a body over HTTP/2; return the first frame that answers it."""
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
STATUS = {200: b"\x88", 400: b"\x8c"}  # of HPACK's static table


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\nb", b"a\rb", b"a\0b"])
def test_no_line_break_comes_in_by_a_header_of_http_2(front, gunicorn, value):
    assert h2(front)[1].startswith(STATUS[200])
    seen = len(gunicorn.events("request"))
    assert h2(front, (b"x-a", value))[0] == RST_STREAM
    assert len(gunicorn.events("request")) == seen


def test_a_length_that_http_2_does_not_bear_out_is_an_invalid_request(front):
    kind, payload = h2(front, (b"content-length", b"9"), method=b"POST", path=b"/api/auth/login")
    assert kind == HEADERS
    assert payload.startswith(STATUS[400])


@pytest.mark.parametrize(
    "field", [(b"transfer-encoding", b"chunked"), (b"connection", b"x-a"), (b"upgrade", b"h2c")]
)
def test_a_header_of_the_connection_goes_no_further_than_nginx(tmp_path, field):
    need(Nginx)
    backend = Backend(tmp_path / "http.sock", b'{"code": 0}')
    with backend, Front(tmp_path / "http.sock") as front:
        kind, payload = h2(front, field)
    assert kind == HEADERS
    assert payload[:1] in STATUS.values()
    assert not any(line.startswith(field[0] + b":") for line in backend.heads)


# ---- restarts ----


def test_a_restarting_gunicorn_loses_no_call_while_its_socket_stays(tmp_path, migrated_sqlite):
    """As systemd does it: the socket is not Gunicorn's, so calls wait in its queue."""
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
    assert set(posts.statuses) == {400}  # it was no login, but the API's own word


class Calls:
    """Threads that make one call again and again while the block runs; a failure is a status 0."""

    def __init__(self, front, method, path, body=None, threads=3):
        self.statuses = []
        self._call = lambda: front.call(method, path, body, Content_Type="application/json")
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc):
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        while not self._enough.is_set():
            try:
                self.statuses.append(self._call().status)
            except (OSError, http.client.HTTPException):
                self.statuses.append(0)


HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.argv[2], sys.argv[2:])
"""


class Activated(OnSocket):
    """The service on a socket that it inherits, as from a systemd socket unit."""

    def __init__(self, listening, path, **settings):
        super().__init__(path, **settings)
        self.settings["bind"] = f"{HOST}:1"  # the socket that is handed over wins
        self._listening = listening

    def command(self):
        return [sys.executable, "-c", HAND_OVER, str(self._listening.fileno()), *super().command()]

    def _spawn(self, command):
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=Path(nginx.TEMPLATES).parent.parent,
                env=self.environment(),
                start_new_session=True,
                pass_fds=[self._listening.fileno()],
            )
        self._watch(str(self._process.pid))


# ---- every version, and beside other sites ----


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_gets_what_it_understands(version):
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


def test_the_variant_of_1_18_starts_here_too(gunicorn):
    """Its file has nothing that a newer Nginx does not understand, up to 1.24."""
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


def test_where_another_site_listens_the_default_stays_its_own():
    ports = {(Path(listen.file).name, listen.port) for listen in nginx.other_listens(DUMP, OWN)}
    assert ports == {("shop", 80), ("shop", 443), ("silent", 80)}
    text = nginx.render(nginx.Site(DOMAIN, (1, 22, 1), "/c", "/k", default_http=False))
    assert "listen 80 default_server" not in text
    assert "listen 443 ssl http2 default_server" in text


def test_http2_is_not_forced_upon_another_site():
    """Before 1.25.1 it belongs to the port, and so to every site that listens there."""
    text = nginx.render(nginx.Site(DOMAIN, (1, 22, 1), "/c", "/k", http2=False))
    assert "listen 443 ssl;" in text
    assert "http2" not in text
    assert not nginx.others_use_http2(DUMP, OWN)
    assert nginx.others_use_http2(DUMP.replace("ssl;", "ssl http2;", 1), OWN)


def test_a_name_that_another_site_has_is_found():
    assert nginx.files_with_name(DUMP, OWN, "www.shop.example.com") == [
        "/etc/nginx/sites-enabled/shop"
    ]
    assert nginx.files_with_name(DUMP, OWN, DOMAIN) == []


def test_the_version_is_read_from_what_nginx_prints():
    assert nginx.version("nginx version: nginx/1.18.0 (Ubuntu)") == (1, 18, 0)
    with pytest.raises(ValueError, match="no Nginx version"):
        nginx.version("apache")
