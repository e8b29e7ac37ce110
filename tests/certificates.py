"""Certificates for tests."""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Issued:
    """A certificate with its key; `authority` signed it, or it itself did."""

    def __init__(self, name, authority=None, *, ca=False, starts=-1, ends=30, names=None):
        self.key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.timezone.utc)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = authority.certificate.subject if authority else subject
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + starts * DAY)
            .not_valid_after(now + ends * DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            alternatives = [x509.DNSName(n) for n in names or [name]]
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
        signer = authority.key if authority else self.key
        self.certificate = builder.sign(signer, hashes.SHA256())

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def self_signed(path: Path, name: str) -> Path:
    """Write a certificate and its key to one file; return the file."""
    issued = Issued(name)
    path.write_bytes(issued.pem + issued.key_pem)
    path.chmod(0o600)
    return path
