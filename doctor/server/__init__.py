"""The checks that are made on the server itself."""

from doctor.checks import Check
from doctor.server import (
    certbot,
    certificate,
    limits,
    machine,
    secrecy,
    service,
    sqlite,
    wechat,
)

#: In the order of the report.
SERVER: list[Check] = [
    service.app,
    limits.limits,
    certificate.certificate_served,
    certbot.renewal,
    machine.disk,
    machine.clock_synchronised,
    secrecy.debug,
    secrecy.file_modes,
    sqlite.sqlite,
    wechat.wechat,
    wechat.account,
    wechat.allow_list,
]
