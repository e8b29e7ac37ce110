"""The root certificates that a chain is judged by."""

from __future__ import annotations

import contextlib
import ssl
import sys
from pathlib import Path
from typing import Any

from doctor.certificates import Certificate, parse_certificate

#: Where systems keep their roots, for a Python that looks elsewhere (python.org's on macOS).
ROOT_FILES = (
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
)
SERVER_AUTHENTICATION = "1.3.6.1.5.5.7.3.1"


class Trust:
    """The roots of a file, or of this system; never the intermediates that a system keeps too."""

    def __init__(self, file: str | None = None) -> None:
        """Load the roots. Raises OSError (or ssl.SSLError, a subclass) if `file` has none."""
        self._from_file = file is not None
        self.on_demand = sys.platform == "win32" and file is None
        self._context = unverified_context()
        if file is not None:
            self._context.load_verify_locations(file)
        elif sys.platform == "win32":
            _load_windows_roots(self._context)
        else:
            load_system_roots(self._context)

    @property
    def has_roots(self) -> bool:
        in_folder = not self._from_file and _has_root_folder()
        return in_folder or bool(self.roots())

    def chain_context(self) -> ssl.SSLContext:
        """Return a context that verifies the chain, not the host name."""
        self._context.verify_mode = ssl.CERT_REQUIRED
        return self._context

    def strict_context(self) -> ssl.SSLContext:
        """Return a context that verifies both the chain and the host name."""
        strict = unverified_context()
        if self.roots():
            strict.load_verify_locations(cadata=b"".join(self.roots()))
        if not self._from_file and not self.on_demand:
            strict.set_default_verify_paths()
        strict.check_hostname, strict.verify_mode = True, ssl.CERT_REQUIRED
        return strict

    def find(self, subject: bytes) -> Certificate | None:
        """Find a trusted certificate by its subject; a self-signed one if there are several."""
        found = []
        for der in self.roots():
            with contextlib.suppress(ValueError):
                certificate = parse_certificate(der)
                if certificate.subject == subject:
                    found.append(certificate)
        return max(found, key=lambda certificate: certificate.is_self_signed, default=None)

    def roots(self) -> list[bytes]:
        return self._context.get_ca_certs(binary_form=True)


def unverified_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def load_system_roots(context: ssl.SSLContext) -> None:
    context.set_default_verify_paths()
    if context.get_ca_certs() or _has_root_folder():
        return
    for file in ROOT_FILES:
        with contextlib.suppress(OSError):
            context.load_verify_locations(file)
            return


def _has_root_folder() -> bool:
    """Whether OpenSSL has a folder of roots, which it reads when it needs one of them."""
    folder = ssl.get_default_verify_paths().capath
    return folder is not None and any(Path(folder).glob("*.0"))


def _load_windows_roots(context: ssl.SSLContext) -> None:
    """Load the store ROOT alone: the store CA holds intermediates, which would close a gap."""
    enumerate_store: Any = getattr(ssl, "enum_certificates", None)
    for der, encoding, purposes in enumerate_store("ROOT") if enumerate_store else ():
        for_servers = purposes is True or SERVER_AUTHENTICATION in purposes
        if encoding == "x509_asn" and for_servers:
            with contextlib.suppress(ssl.SSLError):  # unreadable, so not a root
                context.load_verify_locations(cadata=der)
