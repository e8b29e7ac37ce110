"""The address: how it is read, and what is told when it is taken."""

import http.server
import socket
import threading
from contextlib import ExitStack, closing, suppress

import pytest

from myapi.development.address import Address, AddressError, parse, require_free, with_variable
from tests.servers import free_port


@pytest.mark.parametrize(
    ("bind", "address", "url"),
    [
        ("127.0.0.1:8001", Address("127.0.0.1", 8001), "http://127.0.0.1:8001"),
        ("localhost", Address("localhost", 8000), "http://localhost:8000"),
        ("tcp://localhost:1", Address("localhost", 1), "http://localhost:1"),
        ("0.0.0.0:8000", Address("0.0.0.0", 8000), "http://127.0.0.1:8000"),
        (":8000", Address("0.0.0.0", 8000), "http://127.0.0.1:8000"),
        ("[::]:8000", Address("::", 8000), "http://[::1]:8000"),
        ("[::1]", Address("::1", 8000), "http://[::1]:8000"),
        ("unix:/run/a.sock", Address("", 0, "/run/a.sock"), "http://localhost"),
        ("unix:///run/a.sock", Address("", 0, "/run/a.sock"), "http://localhost"),
    ],
)
def test_addresses_are_read_as_gunicorn_reads_them(bind, address, url):
    gunicorn = pytest.importorskip("gunicorn.util").parse_address(bind)
    assert parse(bind) == address
    assert gunicorn in {address.path, (address.host, address.port), ("", address.port)}
    assert address.url == url
    assert parse(str(address)) == address


@pytest.mark.parametrize(
    "bind", ["x:y", "localhost:0", "localhost:65536", "a:1:2", "::1", "fd://3"]
)
def test_other_addresses_are_refused(bind):
    with pytest.raises(AddressError, match="MYAPI_BIND must be host:port"):
        parse(bind)


def test_free_address_is_accepted(tmp_path):
    require_free(Address("127.0.0.1", free_port()), "make run")
    require_free(Address("", 0, str(tmp_path / "none.sock")), "make run")


def listener(stack, host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = stack.enter_context(closing(socket.socket(family)))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((host, port))
    server.listen()
    return server.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::1", "::"])
def test_taken_port_is_answered_with_the_next_free_one(host, monkeypatch):
    with ExitStack() as stack:
        monkeypatch.setattr("myapi.development.address._is_myapi", lambda _address: False)
        try:
            port = listener(stack, host, 0)
        except OSError:
            pytest.skip(f"this system has no {host}")
        with pytest.raises(AddressError) as refused:
            require_free(Address(host, port), "make run")
    first, second = str(refused.value).splitlines()
    bind = f"[{host}]" if ":" in host else host
    assert first == f"{bind}:{port} is in use. Another address:"
    assert second.startswith(f"  MYAPI_BIND={bind}:")
    assert second.endswith(" make run")
    assert int(second.split(":")[-1].split()[0]) > port


def neighbours(stack):
    """Listen on a port and on the next one; return the first."""
    while True:
        port = listener(stack, "127.0.0.1", free_port())
        with suppress(OSError):  # the next port is another program's
            listener(stack, "127.0.0.1", port + 1)
            return port


def test_port_that_is_taken_too_is_not_named():
    with ExitStack() as stack:
        port = neighbours(stack)
        with pytest.raises(AddressError) as refused:
            require_free(Address("127.0.0.1", port), "make run")
    assert f":{port + 1}" not in str(refused.value)


class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"code":0,"msg":"ok","data":null}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        pass


def test_another_myapi_is_told_apart_from_other_programs():
    with http.server.HTTPServer(("127.0.0.1", 0), Healthy) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        with pytest.raises(AddressError, match="is in use by another myapi"):
            require_free(Address(*server.server_address), "make run")
        server.shutdown()
        thread.join()


def test_unix_socket_of_a_server_is_taken_and_one_left_behind_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    address = Address("", 0, "a.sock")
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(address.path)
        server.listen()
        with pytest.raises(AddressError) as refused:
            require_free(address, "make run")
    assert str(refused.value).splitlines() == [
        "unix:a.sock is in use. Another address:",
        "  MYAPI_BIND=unix:a.sock.2 make run",
    ]
    require_free(address, "make run")


def test_address_of_no_interface_is_answered_with_loopback():
    with pytest.raises(AddressError) as refused:
        require_free(Address("192.0.2.1", free_port()), "make run")
    assert "cannot be used: " in str(refused.value)
    assert "  MYAPI_BIND=127.0.0.1:" in str(refused.value)


def test_line_to_type_is_that_of_the_shell():
    given = ("MYAPI_BIND", "127.0.0.1:8001", "py dev.py")
    assert with_variable(*given, windows=True) == '$env:MYAPI_BIND = "127.0.0.1:8001"; py dev.py'
    assert with_variable(*given, windows=False) == "MYAPI_BIND=127.0.0.1:8001 py dev.py"
