"""The checks that anyone can make, from any computer."""

from doctor.checks import Check
from doctor.outside import (
    address,
    api,
    bodies,
    certificate,
    chain,
    connection,
    handshake,
    https_only,
    interception,
    old_phones,
    timing,
    versions,
)

#: In the order of the report: what must work first comes first.
OUTSIDE: list[Check] = [
    address.url,
    address.dns,
    connection.port,
    connection.ipv6,
    handshake.plain_http,
    handshake.tls,
    interception.icp,
    chain.chain,
    chain.self_signed,
    certificate.name,
    certificate.dates,
    old_phones.old_phones,
    versions.tls_versions,
    versions.tls_old,
    api.redirect,
    api.gateway,
    api.route,
    bodies.body_limit,
    bodies.compression,
    timing.clock,
    timing.latency,
    https_only.hsts,
    https_only.port_80,
]
