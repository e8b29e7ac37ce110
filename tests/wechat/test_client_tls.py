"""HTTPS, to a server with a certificate of our own making."""

import datetime
import ipaddress
import ssl
import warnings

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

    def start(behave, newest=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if newest:
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python calls such versions deprecated
                context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
                context.maximum_version = newest
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


def test_tls_below_1_2_is_refused(trusted, tls_server, make_client):
    server = tls_server(answer, newest=ssl.TLSVersion.TLSv1_1)
    with pytest.raises(wechat.Unavailable):
        make_client(server.url).code_to_session("c")
    assert server.requests == []


def test_login_over_https_in_a_worker(certificate, tls_server, in_gevent):
    server = tls_server(answer)
    done = in_gevent(server.url, ["c"] * 3, timeout=10, roots=certificate)
    assert [outcome[:2] for outcome in done["outcomes"]] == [["ok", "o"]] * 3
    assert (server.connections, len(server.requests)) == (1, 3)


def test_drip_over_https_is_cut_off_in_a_worker(certificate, tls_server, in_gevent):
    def behave(server, connection):
        server.read_request(connection)
        for byte in ANSWER.rjust(1000):
            connection.sendall(bytes([byte]))
            if server.closing.wait(0.02):
                break

    done = in_gevent(tls_server(behave).url, ["c"], roots=certificate)
    assert done["outcomes"][0][0] == "wechat_timeout"
    assert done["connections"] == 0
