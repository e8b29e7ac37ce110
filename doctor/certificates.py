"""Certificates as a server sends them, trusted or not.

The ssl module describes trusted certificates only, so what the checks need is parsed here.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import re
import ssl
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from doctor.texts import printable


class Certificate(NamedTuple):
    """Times are Unix seconds; `names` are the host names and addresses it is valid for."""

    der: bytes
    issuer: bytes
    subject: bytes
    not_before: float
    not_after: float
    names: tuple[str, ...]

    @property
    def is_self_signed(self) -> bool:
        return self.issuer == self.subject

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.der).hexdigest()

    @property
    def last_day(self) -> str:
        return f"{datetime.fromtimestamp(self.not_after, timezone.utc):%Y-%m-%d}"

    @property
    def listed_names(self) -> str:
        """Its names as they are shown, or the common name if it has none."""
        return printable(", ".join(self.names[:5]) or common_name(self.subject))

    def is_valid_for(self, host: str) -> bool:
        return any(_matches(name.lower(), host.lower()) for name in self.names)


def _matches(pattern: str, host: str) -> bool:
    """Match as RFC 6125 wants it: a star stands for the whole first label."""
    if pattern.startswith("*."):
        first, dot, rest = host.partition(".")
        return bool(first and dot) and rest == pattern[2:]
    return pattern == host


def issuer_path(chain: Sequence[Certificate]) -> list[Certificate]:
    """Follow the issuers up from the first certificate, as far as the chain has them."""
    path = [chain[0]]
    while not path[-1].is_self_signed:
        above = [each for each in chain if each.subject == path[-1].issuer and each not in path]
        if not above:
            break
        path.append(above[0])
    return path


def read_certificate(file: Path) -> Certificate:
    """Read the first certificate of a PEM file. Raises OSError, ValueError."""
    text = file.read_text(encoding="ascii", errors="replace")
    found = re.search("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)
    if found is None:
        raise ValueError(f"{file} holds no certificate")
    return parse_certificate(ssl.PEM_cert_to_DER_cert(found[0]))


def sent_chain(tls: ssl.SSLSocket) -> list[Certificate] | None:
    """Return the certificates that the server sent, trusted or not; None if Python hides them.

    The call is public since Python 3.13. From 3.10 to 3.12 it is there under a private attribute;
    docs/decisions/0009-doctor.md says why it is used.
    """
    for holder in (tls, getattr(tls, "_sslobj", None)):
        get = getattr(holder, "get_unverified_chain", None)
        if get is not None:
            with contextlib.suppress(ValueError):
                return [parse_certificate(_der(each)) for each in get() or ()]
    return None


def _der(certificate: Any) -> bytes:  # noqa: ANN401 (bytes, or a private class of CPython)
    if isinstance(certificate, bytes):
        return certificate
    return ssl.PEM_cert_to_DER_cert(certificate.public_bytes())


def parse_certificate(der: bytes) -> Certificate:
    """Parse the fields that the checks need (RFC 5280, 4.1). Raises ValueError."""
    try:
        (_, whole), *_ = _items(der)
        (_, signed), *_ = _items(whole)
        fields = _items(signed)
        if fields[0][0] == 0xA0:  # the version, which a certificate of version 1 leaves out
            del fields[0]
        _, _, (_, issuer), (_, validity), (_, subject), *rest = fields
        start, end = (_time(*item) for item in _items(validity))
        return Certificate(der, issuer, subject, start, end, tuple(_names(rest)))
    except (IndexError, UnicodeError, OverflowError) as error:
        raise ValueError("not a certificate") from error


def _items(data: bytes) -> list[tuple[int, bytes]]:
    """Split DER into its (tag, content) items."""
    items, at = [], 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length >= 0x80:
            size = length - 0x80
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if at + length > len(data):
            raise ValueError("cut off")
        items.append((tag, data[at : at + length]))
        at += length
    return items


def _time(tag: int, content: bytes) -> float:
    form = "%y%m%d%H%M%SZ" if tag == 0x17 else "%Y%m%d%H%M%SZ"
    moment = datetime.strptime(content.decode("ascii"), form).replace(tzinfo=timezone.utc)
    return moment.timestamp()


def _names(rest: Sequence[tuple[int, bytes]]) -> Iterator[str]:
    """Yield the DNS names and addresses of subjectAltName (2.5.29.17)."""
    for _, extensions in (item for item in rest if item[0] == 0xA3):
        for _, extension in _items(_items(extensions)[0][1]):
            parts = _items(extension)
            if parts[0][1] == b"\x55\x1d\x11":
                for tag, value in _items(_items(parts[-1][1])[0][1]):
                    if tag == 0x82:
                        yield value.decode("ascii")
                    elif tag == 0x87 and len(value) in (4, 16):
                        yield str(ipaddress.ip_address(value))


def common_name(name: bytes) -> str:
    """Return the common name of a distinguished name, or else its organisation, or ?."""
    found = {}
    with contextlib.suppress(ValueError, IndexError):
        for _, relative in _items(name):
            for _, pair in _items(relative):
                (_, key), (_, value) = _items(pair)
                found[key] = printable(value, 80)
    return found.get(b"\x55\x04\x03") or found.get(b"\x55\x04\x0a") or "?"
