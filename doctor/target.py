"""What the checks look at: one URL, and what is observed there. Each thing is observed once."""

from __future__ import annotations

import functools
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from doctor import deadlines
from doctor.certificates import Certificate, sent_chain
from doctor.http1 import Reply, build_request, exchange
from doctor.network import Address, Network, Url, start_tls
from doctor.this_server import Server
from doctor.trust import Trust, unverified_context

T = TypeVar("T")

ADDRESSES = 6  # addresses of a name that are tried


class Probe(NamedTuple):
    """What one address showed. Times are in seconds."""

    address: Address
    connect_error: Exception | None = None
    tls_error: Exception | None = None  # connected, but TLS failed
    chain: list[Certificate] | None = None
    verify_error: Exception | None = None  # of OpenSSL, or why it could not be asked
    connect_time: float = 0.0
    tls_time: float = 0.0

    @property
    def speaks_tls(self) -> bool:
        return self.error is None

    @property
    def leaf(self) -> Certificate | None:
        return self.chain[0] if self.chain else None

    @property
    def verify_code(self) -> int:
        """OpenSSL's verdict of the chain: 0 if it is trusted, -1 if that is not known."""
        if isinstance(self.verify_error, ssl.SSLCertVerificationError):
            return self.verify_error.verify_code
        return 0 if self.verify_error is None else -1

    @property
    def error(self) -> Exception | None:
        return self.connect_error or self.tls_error


def cached(observe: Callable[[Target], T]) -> Callable[[Target], T]:
    """Observe once per target, however many checks ask at the same time."""
    name = observe.__name__

    @functools.wraps(observe)
    def cached_observe(target: Target) -> T:
        with target.lock_for(name):
            if name not in target.cache:
                target.cache[name] = observe(target)
            return cast("T", target.cache[name])

    return cached_observe


class Target:
    """The API under examination. What goes wrong there is returned; only `handshake` raises."""

    def __init__(
        self,
        url: Url | None,
        *,
        network: Network | None = None,
        trust: Trust | None = None,
        server: Server | None = None,
        timeout: float = deadlines.TOTAL,
    ) -> None:
        """Observe nothing yet. `server` is this machine if the API runs on it."""
        self._url = url
        self.network = network or Network()
        self.trust = trust or Trust()
        self.server = server
        self.timeout = timeout
        self.deadline = time.monotonic() + timeout
        self.cache: dict[str, Any] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> Url:
        if self._url is None:
            raise ValueError("no URL was given")
        return self._url

    @property
    def has_url(self) -> bool:
        return self._url is not None

    @property
    def tls_port(self) -> int:
        """The port of HTTPS, also for a URL that says http by mistake; a development server's."""
        by_mistake = self.url.scheme == "http" and not self.url.is_development
        return 443 if by_mistake else self.url.port

    @property
    def this_server(self) -> Server:
        return self.server or Server()

    @property
    def secrets(self) -> tuple[str, ...]:
        return self.server.all_secrets if self.server else ()

    def lock_for(self, name: str) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(name, threading.Lock())

    def step_deadline(self) -> float:
        return min(self.deadline, time.monotonic() + deadlines.STEP)

    # ---- names and connections ----

    @cached
    def addresses(self) -> list[Address] | Exception:
        try:
            return self.network.addresses(self.url.host, self.tls_port)[:ADDRESSES]
        except (OSError, UnicodeError) as error:
            return error

    @cached
    def probes(self) -> list[Probe]:
        """Try every address, all at the same time."""
        found = self.addresses()
        if isinstance(found, Exception):
            return []
        late = {each: Probe(each, connect_error=TimeoutError()) for each in found}
        seen = {each.address: each for each in in_parallel(self._probe, found)}
        return list({**late, **seen}.values())

    def tls_probe(self) -> Probe | None:
        """Return the first address that speaks TLS, IPv4 before IPv6.

        Of a development server it is the first one that could be connected.
        """
        usable = [probe for probe in self.probes() if probe.speaks_tls]
        return min(usable, key=lambda probe: probe.address.is_ipv6, default=None)

    def connected_probes(self) -> list[Probe]:
        return [probe for probe in self.probes() if probe.connect_error is None]

    def connected_probe(self) -> Probe | None:
        """Return the first address that speaks TLS, or else the first that could be connected."""
        return self.tls_probe() or next(iter(self.connected_probes()), None)

    def _probe(self, address: Address) -> Probe:
        deadline, started = self.step_deadline(), time.monotonic()
        try:
            sock = self.network.connect(address, deadline)
        except OSError as error:
            return Probe(address, connect_error=error)
        connect_time = time.monotonic() - started
        if self.url.is_development:
            sock.close()
            return Probe(address, connect_time=connect_time)
        try:
            with start_tls(sock, unverified_context(), self.url.host, deadline) as tls:
                tls_time = time.monotonic() - started - connect_time
                chain = sent_chain(tls)
        except (OSError, ValueError) as error:
            return Probe(address, tls_error=error, connect_time=connect_time)
        return Probe(
            address,
            chain=chain,
            verify_error=self._verify(address),
            connect_time=connect_time,
            tls_time=tls_time,
        )

    def _verify(self, address: Address) -> Exception | None:
        """Let OpenSSL verify the chain; the host name is a check of its own."""
        try:
            self.handshake(address, self.trust.chain_context())
        except (OSError, ValueError) as error:
            return error
        return None

    def handshake(self, address: Address, context: ssl.SSLContext, *, sni: bool = True) -> None:
        """Do a TLS handshake and disconnect. Raises OSError."""
        deadline = self.step_deadline()
        sock = self.network.connect(address, deadline)
        with start_tls(sock, context, self.url.host if sni else None, deadline):
            pass

    # ---- HTTP ----

    @cached
    def hello(self) -> Reply:
        return self.call("GET", "/api/hello", Accept_Encoding="gzip")

    @cached
    def plain_hello(self) -> Reply:
        """Ask for the same without TLS, on the port of HTTP."""
        deadline = self.step_deadline()
        port = self.url.port if self.url.scheme == "http" else 80
        try:
            addresses = self.network.addresses(self.url.host, port)
            first = min(addresses, key=lambda address: address.is_ipv6)
            request = build_request("GET", "/api/hello", self.url.host)
            with self.network.connect(first, deadline) as sock:
                return Reply(exchange(sock, request, deadline))
        except (OSError, ValueError) as error:
            return Reply(error=error)

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Call the API over HTTPS, whatever its certificate is: no secret is sent.

        A development server is called over HTTP.
        """
        probe = self.tls_probe()
        if probe is None:
            return Reply()
        deadline = self.step_deadline()
        try:
            sock = self.network.connect(probe.address, deadline)
            if not self.url.is_development:
                sock = start_tls(sock, unverified_context(), self.url.host, deadline)
            with sock:
                request = build_request(method, path, self.url.authority, body, **headers)
                return Reply(exchange(sock, request, deadline))
        except (OSError, ValueError) as error:
            return Reply(error=error)


def in_parallel(function: Callable[[Any], T], items: Sequence[Any]) -> list[T]:
    """Call a function for several items at once; return, in their order, what came in time."""
    found: dict[int, T] = {}

    def run(place: int, item: object) -> None:
        found[place] = function(item)

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(items)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * deadlines.STEP)
    return [found[place] for place in sorted(found.copy())]
