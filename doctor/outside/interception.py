"""Networks in mainland China that block a domain without an ICP filing."""

from __future__ import annotations

import re
import ssl

from doctor import needs
from doctor.checks import Finding, check, fail, ok, skip
from doctor.http1 import Response
from doctor.network import Address, closed_in_handshake
from doctor.target import Target
from doctor.texts import Text
from doctor.trust import unverified_context

#: What the clouds' block pages contain. A filing number in a site's own footer does not match.
BLOCK_PAGE = re.compile(
    rb"Non-compliance ICP Filing|batit\.aliyun\.com|webblock\.html|/webblock|"
    + "未备案|没有备案|备案拦截|尚未完成备案|未取得.{0,4}备案|非法阻断".encode()
)


@check(
    "reset",
    "network",
    "domain_list",
    fault=Text("the network blocks the domain: no ICP filing", "域名被拦截：没有 ICP 备案"),
    needs=(needs.https, needs.address),
    fix=Text(
        "file the domain (ICP) with the cloud that hosts the server, and again after a move to"
        " another cloud; until then no mini program can use it",
        "在服务器所在的云厂商完成 ICP 备案（换云厂商要做接入备案）；"
        "备案完成之前小程序无法使用该域名",
    ),
)
def icp(target: Target) -> Finding:
    """Whether the network blocks the name because it has no ICP filing."""
    plain = target.plain_hello().response
    if plain and _is_block_page(plain):
        return fail(
            Text(
                f"port 80 answers with a block page (HTTP {plain.status})",
                f"80 端口返回的是备案拦截页（HTTP {plain.status}）",
            )
        )
    probe = target.connected_probe()
    if probe and _was_reset(probe.tls_error) and _answers_without_name(target, probe.address):
        return fail(
            Text(
                f"{probe.address} resets a handshake that names {target.url.host},"
                " and answers one without the name",
                f"{probe.address} 遇到 {target.url.host} 这个名字就重置握手，不带名字却有响应",
            )
        )
    if probe is None or not probe.speaks_tls:
        return skip(needs.NO_TLS if probe else needs.NOT_CONNECTED)
    return ok(
        Text(
            "not blocked from here; the register of the MIIT (beian.miit.gov.cn) says whether the"
            " domain is filed",
            "从这里访问没有被拦截；是否已备案以工信部备案系统（beian.miit.gov.cn）为准",
        )
    )


def _is_block_page(response: Response) -> bool:
    server = response.headers.get("server", "")
    if response.status == 403 and server.lower() == "beaver":
        return True
    headers = f"{response.headers.get('location', '')} {server}".encode()
    return bool(BLOCK_PAGE.search(headers) or BLOCK_PAGE.search(response.body))


def _was_reset(error: Exception | None) -> bool:
    if isinstance(error, TimeoutError):
        return False
    return isinstance(error, ConnectionError) or closed_in_handshake(error)


def _answers_without_name(target: Target, address: Address) -> bool:
    """Whether a handshake without SNI gets any TLS answer, even an alert."""
    try:
        target.handshake(address, unverified_context(), sni=False)
    except ssl.SSLError as error:
        return not closed_in_handshake(error)
    except (OSError, ValueError):
        return False
    return True
