"""HTTPS, to a server with a certificate of our own making."""

import datetime
import ipaddress
import select
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from myapi import wechat

GOOD = b'{"openid": "o", "session_key": "tiihtNczf5v6AKRyjwEUhQ=="}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(GOOD), GOOD)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Write a file with a key and its certificate for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sandbox")])
    now = datetime.datetime.now(datetime.timezone.utc)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def trusted(certificate, monkeypatch):
    monkeypatch.setattr("myapi.wechat.transport.DEFAULT_CA_BUNDLE_PATH", str(certificate))


@pytest.fixture
def tls_server(certificate, raw_server):
    """Start a server that behaves so once TLS stands."""

    def start(behave):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

        def behave_over_tls(server, connection):
            connection.settimeout(10)
            with context.wrap_socket(connection, server_side=True) as tls:
                behave(server, tls)

        server = raw_server(behave_over_tls)
        server.url = server.url.replace("http:", "https:")
        return server

    return start


def answer(server, connection):
    while server.read_request(connection):
        connection.sendall(ANSWER)


def tunnel(server, connection):
    """Be a proxy, from CONNECT to the end of it; in one thread, as TLS sockets want it."""
    target = server.read_request(connection).split()[1]
    host, _, port = target.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as far:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        other = {connection: far, far: connection}
        while not server.closing.is_set():
            for end in select.select(other, [], [], 0.02)[0]:
                data = end.recv(65536)
                if not data:
                    return
                other[end].sendall(data)


def test_login_over_https_keeps_the_connection(trusted, tls_server, make_client):
    server = tls_server(answer)
    client = make_client(server.url)
    assert [client.code_to_session("c").openid for _ in range(3)] == ["o"] * 3
    assert (server.connections, len(server.requests)) == (1, 3)


def test_certificate_of_nobody_we_know_is_refused_and_logged(tls_server, make_client, caplog):
    server = tls_server(answer)
    with pytest.raises(wechat.Unavailable) as caught:
        make_client(server.url).code_to_session("c")
    assert caught.value.detail == "SSLCertVerificationError"
    assert server.requests == []
    (record,) = [record for record in caplog.records if record.name == "myapi.wechat"]
    assert record.event == "wechat_failed"
    assert "SSLCertVerificationError" in record.getMessage()


def test_certificate_for_another_name_is_refused(trusted, tls_server, make_client):
    server = tls_server(answer)
    with pytest.raises(wechat.Unavailable) as caught:
        make_client(server.url.replace("127.0.0.1", "localhost")).code_to_session("c")
    assert caught.value.detail in ("SSLCertVerificationError", "ConnectionRefusedError")
    assert server.requests == []


def test_drip_over_https_is_cut_off(trusted, tls_server, make_client):
    def behave(server, connection):
        server.read_request(connection)
        for byte in ANSWER.rjust(1000):
            connection.sendall(bytes([byte]))
            if server.closing.wait(0.02):
                break

    with pytest.raises(wechat.Timeout):
        make_client(tls_server(behave).url, timeout=0.5).code_to_session("c")


def test_tunnel_of_a_proxy_is_used_and_sees_no_secret(trusted, tls_server, raw_server, make_client):
    server, proxy = tls_server(answer), raw_server(tunnel)
    client = make_client(server.url, proxies={"https": proxy.url})
    assert client.code_to_session("c").openid == "o"
    assert proxy.requests[0].startswith(f"CONNECT 127.0.0.1:{server.port} ")
    assert "secret" not in proxy.requests[0]
    client.close()


def test_tunnel_of_a_proxy_with_tls_of_its_own_is_used(trusted, tls_server, make_client):
    server, proxy = tls_server(answer), tls_server(tunnel)
    client = make_client(server.url, proxies={"https": proxy.url})
    assert [client.code_to_session("c").openid for _ in range(2)] == ["o", "o"]
    assert (server.connections, len(server.requests)) == (1, 2)
    client.close()


def test_tunnel_that_drips_is_cut_off(trusted, raw_server, make_client):
    def behave(server, connection):
        server.read_request(connection)
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 90:
            connection.sendall(bytes([byte]))
            if server.closing.wait(0.02):
                break

    client = make_client(
        "https://wechat.test", timeout=0.3, proxies={"https": raw_server(behave).url}
    )
    with pytest.raises(wechat.Timeout):
        client.code_to_session("c")
