"""Certificates of our own making, and servers that speak TLS, or do not, as a test wants."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
HELLO = b'{"code": 0, "msg": "Hello from Aliyun Lighthouse!", "time": "2026-01-01T00:00:00Z"}'


class Pair(NamedTuple):
    """A file of certificates, the first of which is for the key in the other file."""

    chain: Path
    key: Path


class Issued(NamedTuple):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Authority:
    """A root, and the intermediate that signs for it; `file` is the root alone."""

    def __init__(self, folder: Path, name: str = "Example Root") -> None:
        self._folder = folder
        self._count = 0
        self.root = _issue(name, None, authority=True)
        self.intermediate = _issue("Example Intermediate", self.root, authority=True)
        self.file = self._write("root", [self.root])

    def pair(
        self,
        *names: str,
        begins: float = -10,
        ends: float = 80,
        sends: str = "leaf intermediate",
        self_signed: bool = False,
    ) -> Pair:
        """Issue for these names, valid between these days from now; `sends` is what is sent."""
        signer = None if self_signed else self.intermediate
        leaf = _issue(names[0], signer, names=names, begins=begins, ends=ends)
        sent = {"leaf": leaf, "intermediate": self.intermediate, "root": self.root}
        self._count += 1
        chain = self._write(f"chain{self._count}", [sent[each] for each in sends.split()])
        key = self._folder / f"key{self._count}.pem"
        key.write_bytes(_pem_of(leaf.key))
        return Pair(chain, key)

    def _write(self, name: str, issued: Sequence[Issued]) -> Path:
        file = self._folder / f"{name}.pem"
        encoding = serialization.Encoding.PEM
        file.write_bytes(b"".join(each.certificate.public_bytes(encoding) for each in issued))
        return file


def _issue(
    name: str,
    signer: Issued | None,
    *,
    names: Sequence[str] = (),
    begins: float = -10,
    ends: float = 80,
    authority: bool = False,
) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    signing = signer.key if signer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.certificate.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins * DAY)
        .not_valid_after(now + ends * DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()),
            critical=False,
        )
    )
    if names:
        alternative = x509.SubjectAlternativeName([_general(each) for each in names])
        builder = builder.add_extension(alternative, critical=False)
    return Issued(builder.sign(signing, hashes.SHA256()), key)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


Behaviour = Callable[[socket.socket], None]


class Peer:
    """Hands each connection to `behave`, in a thread of its own; over TLS where it has a pair."""

    def __init__(
        self,
        behave: Behaviour,
        pair: Pair | None = None,
        *,
        resets: str | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        """`resets` is a name at which a handshake is reset, as a censor would."""
        self._behave = behave
        self._resets = resets
        self._context = None
        if pair is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*pair)
        self.closing = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=64)
        self.host, self.port = host, self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Peer:
        self._threads[0].start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):  # wakes accept()
            socket.create_connection((self.host, self.port), timeout=5).close()
        for thread in self._threads:
            thread.join(30)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self.closing.is_set():
                connection.close()
                return
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        with connection, contextlib.suppress(OSError):
            if self._resets and self._resets.encode() in connection.recv(4096, socket.MSG_PEEK):
                # Without a linger the kernel sends a reset in the place of a farewell.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if self._context is None:
                self._behave(connection)
                return
            with self._context.wrap_socket(connection, server_side=True) as tls:
                self._behave(tls)


def answering(
    status: str = "200 OK", body: bytes = HELLO, content_type: str = "application/json", **headers
) -> Behaviour:
    """Read a request whole, and give this answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    answer = "\r\n".join([*lines, "", ""]).encode() + body

    def behave(connection: socket.socket) -> None:
        if read_request(connection):
            connection.sendall(answer)

    return behave


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            wanted = int(line.partition(b":")[2])
            while len(body) < wanted and (more := connection.recv(65536)):
                body += more
    return head + b"\r\n\r\n" + body
