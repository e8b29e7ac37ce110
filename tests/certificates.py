"""Certificates for tests: single ones, and an authority with an intermediate."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Issued:
    """A certificate with its key, signed by `authority` or else by itself.

    `begins` and `ends` are in days from now. A CA has no subject alternative names.
    """

    def __init__(
        self,
        name: str,
        authority: Issued | None = None,
        *,
        ca: bool = False,
        begins: float = -1,
        ends: float = 30,
        names: Sequence[str] = (),
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        signing_key = authority.key if authority else self.key
        now = datetime.datetime.now(datetime.timezone.utc)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        subject_key_id = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        authority_key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(
            signing_key.public_key()
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority.certificate.subject if authority else subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins * DAY)
            .not_valid_after(now + ends * DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(subject_key_id, critical=False)
            .add_extension(authority_key_id, critical=False)
        )
        if not ca:
            alternatives = [_alternative_name(each) for each in names or [name]]
            builder = builder.add_extension(
                x509.SubjectAlternativeName(alternatives), critical=False
            )
        self.certificate = builder.sign(signing_key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


class Pair(NamedTuple):
    """Two PEM files: a certificate with its chain, and its private key."""

    chain: Path
    key: Path


class Authority:
    """A root CA and its intermediate, which signs; `file` holds only the root."""

    def __init__(self, folder: Path, name: str = "Example Root") -> None:
        self._folder = folder
        self._count = 0
        self.root = Issued(name, ca=True, begins=-10, ends=80)
        self.intermediate = Issued("Example Intermediate", self.root, ca=True, begins=-10, ends=80)
        self.file = folder / "root.pem"
        self.file.write_bytes(self.root.pem)

    def pair(
        self,
        *names: str,
        begins: float = -10,
        ends: float = 80,
        sends: str = "leaf intermediate",
        self_signed: bool = False,
    ) -> Pair:
        """Issue a certificate for these names; `sends` lists what goes into the chain file."""
        signer = None if self_signed else self.intermediate
        leaf = Issued(names[0], signer, names=names, begins=begins, ends=ends)
        available = {"leaf": leaf, "intermediate": self.intermediate, "root": self.root}
        self._count += 1
        pair = Pair(
            self._folder / f"chain{self._count}.pem", self._folder / f"key{self._count}.pem"
        )
        pair.chain.write_bytes(b"".join(available[each].pem for each in sends.split()))
        pair.key.write_bytes(leaf.key_pem)
        return pair


def self_signed(path: Path, name: str) -> Path:
    """Write a certificate and its key to one file; return the file."""
    issued = Issued(name)
    path.write_bytes(issued.pem + issued.key_pem)
    path.chmod(0o600)
    return path


def _alternative_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
