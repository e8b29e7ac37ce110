"""What bounds a call: each wait and the size everywhere, the whole of it in a gevent worker."""

import contextlib
import socket
import subprocess
import sys
import time

import pytest

from myapi import wechat
from myapi.wechat.sandbox import FAULTS, SandboxServer

GOOD = b'{"openid": "o", "session_key": "tiihtNczf5v6AKRyjwEUhQ=="}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(GOOD)

#: Seconds until a bounded call is surely over, on a busy machine too. Unbounded ones take over 5.
SOON = 3

#: For calls that end by their time-out.
HASTY = 0.3


def outcome(client, code="alice"):
    """Call, and return the error, which has to come soon."""
    started = time.monotonic()
    with pytest.raises(wechat.WeChatError) as caught:
        client.code_to_session(code)
    assert time.monotonic() - started < SOON
    return caught.value


def drip(data, pause=0.02):
    """Send one byte at a time, for as long as it takes."""

    def behave(server, connection):
        server.read_request(connection)
        for byte in data:
            connection.sendall(bytes([byte]))
            if server.closing.wait(pause):
                break

    return behave


def silence(server, connection):
    server.read_request(connection)
    server.closing.wait()


FAULT_ERRORS = {
    "busy": wechat.Unavailable,
    "slow": wechat.Timeout,
    "drip": wechat.Timeout,
    "drip_headers": wechat.Timeout,
    "closed": wechat.Unavailable,
    "http_500": wechat.Unavailable,
    "http_502_html": wechat.Unavailable,
    "html": wechat.Unavailable,
    "empty": wechat.Unavailable,
    "wrong_types": wechat.Unavailable,
    "huge": wechat.Unavailable,
    "redirect": wechat.Unavailable,
}


def test_every_fault_has_its_error():
    assert FAULT_ERRORS.keys() == FAULTS.keys()


@pytest.mark.parametrize(("fault", "error"), FAULT_ERRORS.items())
def test_fault_becomes_its_error_and_the_next_call_is_well(
    make_client, server, sandbox, fault, error
):
    # Those that time out need not wait long for it; the others should not time out by chance.
    client = make_client(server.url, timeout=HASTY if error is wechat.Timeout else 10)
    sandbox.set_fault(fault, 2)
    assert type(outcome(client)) is error
    sandbox.set_fault(fault, 0)
    well = make_client(server.url)
    assert well.code_to_session("alice").openid == sandbox.openid("alice", "wx-ours")


def test_client_whose_call_timed_out_is_well_again(make_client, server, sandbox):
    client = make_client(server.url, timeout=0.6)  # the sandbox drips a byte a second
    sandbox.set_fault("drip", 1)
    assert type(outcome(client)) is wechat.Timeout
    assert client.code_to_session("bob").openid == sandbox.openid("bob", "wx-ours")


def test_silence_is_cut_off(make_client, raw_server):
    assert type(outcome(make_client(raw_server(silence).url, timeout=HASTY))) is wechat.Timeout


def test_tls_handshake_without_an_answer_is_cut_off(make_client, raw_server):
    url = raw_server(silence).url.replace("http:", "https:")
    assert type(outcome(make_client(url, timeout=HASTY))) is wechat.Timeout


def test_refused_connection_is_unavailable(make_client):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    caught = outcome(make_client(f"http://127.0.0.1:{port}"))
    assert (type(caught), caught.detail) == (wechat.Unavailable, "ConnectionRefusedError")


def test_reply_that_breaks_off_is_unavailable(make_client, raw_server):
    def behave(server, connection):
        server.read_request(connection)
        connection.sendall(HEAD + GOOD[:-5])

    assert type(outcome(make_client(raw_server(behave).url))) is wechat.Unavailable


def test_compressed_reply_is_not_unpacked(make_client, answering):
    server = answering(b"\x1f\x8b\x08" + b"\0" * 50, headers="Content-Encoding: gzip\r\n")
    assert type(outcome(make_client(server.url))) is wechat.Unavailable


def test_error_tells_nothing_of_one_that_is_being_handled(make_client, answering):
    client = make_client(answering(b"", status=500).url)
    try:
        raise TimeoutError("of the caller, who goes on")
    except TimeoutError:
        assert type(outcome(client)) is wechat.Unavailable
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        caught = outcome(make_client(f"http://127.0.0.1:{port}"))
    assert caught.detail == "ConnectionRefusedError"


class TestNames:
    """The name server, by a getaddrinfo of our own."""

    def test_unknown_name_is_unavailable(self, make_client, monkeypatch):
        def getaddrinfo(*_):
            raise socket.gaierror("no such name")

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        caught = outcome(make_client("http://wechat.test"))
        assert (type(caught), caught.detail) == (wechat.Unavailable, "gaierror")

    @pytest.mark.parametrize("addresses", [[], [(99, socket.SOCK_STREAM, 0, "", ("x", 1))]])
    def test_name_without_a_usable_address_is_unavailable(
        self, make_client, monkeypatch, addresses
    ):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: addresses)
        caught = outcome(make_client("http://wechat.test"))
        assert (type(caught), caught.detail) == (wechat.Unavailable, "OSError")

    def test_second_address_is_tried(self, make_client, server, monkeypatch):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            dead = listener.getsockname()
        port = int(server.url.rpartition(":")[2])
        family = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        found = [(*family, dead), (*family, ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
        assert make_client("http://wechat.test").code_to_session("alice").openid

    def test_first_address_that_leads_nowhere_leaves_time_for_the_next(
        self, make_client, server, monkeypatch
    ):
        port = int(server.url.rpartition(":")[2])
        family = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        with full_listener() as nowhere:
            found = [(*family, nowhere), (*family, ("127.0.0.1", port))]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
            assert make_client("http://wechat.test", timeout=2).code_to_session("alice").openid


@contextlib.contextmanager
def full_listener():
    """Yield an address at which connections are neither taken nor refused."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield listener.getsockname()


def test_address_of_ipv6_is_reached(make_client, sandbox):
    with contextlib.suppress(OSError), SandboxServer(sandbox, host="::1") as server:
        assert "[::1]" in server.url
        assert make_client(server.url).code_to_session("alice").openid


class TestWorker:
    """In a process that gevent has patched, one bound holds for the whole call."""

    @pytest.mark.parametrize(
        "data",
        [
            b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 90 + b"\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
            HEAD + GOOD.rjust(1000),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 200,
            b"HTTP/1.0 200 OK\r\n\r\n" + b" " * 500,
        ],
        ids=["headers", "continue", "body", "chunks", "no length"],
    )
    def test_drip_is_cut_off(self, in_gevent, raw_server, data):
        assert_cut_off(in_gevent(raw_server(drip(data)).url, ["c"]))

    def test_silence_is_cut_off_for_many_at_once(self, in_gevent, raw_server):
        assert_cut_off(in_gevent(raw_server(silence).url, ["c"] * 20, at_once=20))

    def test_tls_handshake_without_an_answer_is_cut_off(self, in_gevent, raw_server):
        url = raw_server(silence).url.replace("http:", "https:")
        assert_cut_off(in_gevent(url, ["c"]))

    def test_tls_handshake_that_drips_is_cut_off(self, in_gevent, raw_server):
        def behave(server, connection):
            connection.sendall(b"\x16\x03\x03\x40\x00")
            while not server.closing.wait(0.02):
                connection.sendall(b"\x02")

        url = raw_server(behave).url.replace("http:", "https:")
        assert_cut_off(in_gevent(url, ["c"]))

    def test_name_server_without_an_answer_is_cut_off(self, in_gevent, server):
        url = server.url.replace("127.0.0.1", "wechat.test")
        assert_cut_off(in_gevent(url, ["c"] * 20, at_once=20, hang=True))

    def test_retry_has_the_same_bound(self, in_gevent, raw_server):
        busy = b'{"errcode": -1}'

        def behave(server, connection):
            server.read_request(connection)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(busy), busy)
            )
            drip(HEAD + GOOD.rjust(1000))(server, connection)

        server = raw_server(behave)
        assert_cut_off(in_gevent(server.url, ["c"], timeout=1))
        assert len(server.requests) == 2

    def test_connection_that_was_broken_off_is_never_used_again(self, in_gevent, raw_server):
        """The late answer to one code would be read as that to the next."""

        def behave(server, connection):
            first = server.connections == 1
            while server.read_request(connection):
                if first and server.closing.wait(0.6):
                    break
                connection.sendall(HEAD + (GOOD.replace(b'"o"', b'"x"') if first else GOOD))

        server = raw_server(behave)
        done = in_gevent(server.url, ["c", "c", "c"])
        assert [outcome[:2] for outcome in done["outcomes"]] == [
            ["wechat_timeout", "the call has used up its time"],
            ["ok", "o"],
            ["ok", "o"],
        ]
        assert (server.connections, done["connections"]) == (2, 1)

    def test_one_call_too_many_is_refused_soon(self, in_gevent, raw_server):
        url = raw_server(silence).url
        done = in_gevent(url, ["c"] * 12, at_once=12, concurrency=10, timeout=3)
        refused = [seconds for name, _, seconds in done["outcomes"] if name != "wechat_timeout"]
        assert len(refused) == 2
        assert max(refused) < 1.5


def assert_cut_off(done):
    for name, _, seconds in done["outcomes"]:
        assert name == "wechat_timeout"
        assert seconds < SOON
    assert done["connections"] == 0


def test_plain_process_gets_no_bound_and_no_gevent():
    program = (
        "import sys; from myapi.concurrency import bounded; import myapi.wechat\n"
        "with bounded(0.01): import time; time.sleep(0.05)\n"
        "assert 'gevent' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
