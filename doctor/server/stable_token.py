"""One question to WeChat that answers three checks: stable_token, never forced.

A forced token would end the one that another server of the same mini program is using.
"""

from __future__ import annotations

import json
import time
from typing import NamedTuple

from doctor.http1 import Reply, build_request, exchange
from doctor.network import Address, Url, parse_url, start_tls
from doctor.target import ADDRESSES, Target, cached
from doctor.trust import Trust


class Answer(NamedTuple):
    """What came of the question, and the host that was asked."""

    reply: Reply
    host: str


@cached
def ask_stable_token(target: Target) -> Answer:
    """Ask WeChat as the settings have it. The secret goes only to a verified server."""
    server = target.this_server
    url = parse_url(server.wechat_url)
    content = {
        "grant_type": "client_credential",
        "appid": server.appid,
        "secret": server.secret,
        "force_refresh": False,
    }
    body = json.dumps(content if server.appid else {}).encode("ascii")
    request = build_request("POST", "/cgi-bin/stable_token", url.authority, body)
    return Answer(_ask_each_address(target, url, request), url.host)


def _ask_each_address(target: Target, url: Url, request: bytes) -> Reply:
    """Ask the addresses one after the other until one answers, each with its share of the time."""
    deadline = target.step_deadline()
    try:
        addresses = target.network.addresses(url.host, url.port)[:ADDRESSES]
    except (OSError, UnicodeError) as error:
        return Reply(error=error)
    reply = Reply(error=OSError("no address"))
    for place, address in enumerate(addresses):
        now = time.monotonic()
        share = max(0.1, deadline - now) / (len(addresses) - place)
        reply = _ask(target, url, address, request, now + share)
        if reply.response is not None:
            break
    return reply


def _ask(target: Target, url: Url, address: Address, request: bytes, deadline: float) -> Reply:
    try:
        sock = target.network.connect(address, deadline)
        if url.scheme == "http":  # the settings allow it for loopback alone
            with sock:
                return Reply(exchange(sock, request, deadline))
        with start_tls(sock, Trust().strict_context(), url.host, deadline) as tls:
            return Reply(exchange(tls, request, deadline))
    except (OSError, ValueError) as error:
        return Reply(error=error)
