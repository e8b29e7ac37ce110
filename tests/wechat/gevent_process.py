"""A process that gevent has patched, as a worker is: it makes calls and prints what came of them.

Run with one argument, the JSON of `Order`; `in_gevent` in conftest does. With `check`, the codes
are texts, each checked within so many seconds. Prints the JSON of
{"outcomes": [[name, detail, seconds], …], "connections": how many are still open}.
"""

# ruff: noqa: E402, T201 - gevent patches before anything else is imported; it prints its result

import _socket
import json
import os
import sys
import time

order = json.loads(sys.argv[1])
if order["name_server_hangs"]:
    sleep = time.sleep  # as it is before it is patched: it blocks its thread
    _socket.getaddrinfo = lambda *_: sleep(60)

from gevent import monkey

monkey.patch_all()

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from myapi.concurrency import bounded
from myapi.wechat import TextScene, WeChatClient, WeChatError, transport

if order["roots"]:
    transport.DEFAULT_CA_BUNDLE_PATH = order["roots"]
client = WeChatClient(
    "wx-ours",
    "secret",
    base_url=order["url"],
    timeout=order["timeout"],
    concurrency=order["concurrency"],
    bounded=bounded,
)


def call(code):
    started = time.monotonic()
    try:
        if order["check"]:
            verdict = client.check_text("o", code, TextScene.COMMENT, timeout=order["check"])
            outcome = ["ok", verdict.suggest]
        else:
            outcome = ["ok", client.code_to_session(code).openid]
    except WeChatError as error:
        outcome = [error.name, error.detail]
        if error.__cause__ or error.__context__:
            outcome = ["an exception hangs on it", repr(error)]
    return [*outcome, time.monotonic() - started]


def connections():
    ours = Path("/proc/self/net/tcp").read_text().splitlines()
    port = ":{:04X}".format(int(order["url"].rpartition(":")[2]))
    return sum(1 for line in ours if line.split()[2].endswith(port) and line.split()[3] == "01")


with ThreadPoolExecutor(order["at_once"]) as pool:
    outcomes = list(pool.map(call, order["codes"]))
print(json.dumps({"outcomes": outcomes, "connections": connections()}), flush=True)
os._exit(0)  # a look-up that hangs would hold the exit up
