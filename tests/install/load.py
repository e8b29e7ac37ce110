"""Send HTTPS requests until standard input ends: `load.py ROOT.pem DOMAIN`. Prints counts as JSON.

It sends GET requests over keep-alive connections and POST requests, including logins, over new
ones, with and without a token. Each client has its own loopback address, so that none reaches a
limit per address. It uses only the standard library, because it runs on the host's Python with the
container's network.
"""

import collections
import http.client
import json
import socket
import ssl
import sys
import threading
import time

JSON = {"Content-Type": "application/json"}
STOPPED = threading.Event()


class Client(http.client.HTTPSConnection):
    def __init__(self, number, domain, context):
        super().__init__(domain, timeout=30)
        self._local_address, self._tls = (f"127.0.1.{number}", 0), context

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", 443), self.timeout, self._local_address)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)

    def ask(self, method, path, body, headers):
        self.request(method, path, body, {**JSON, **headers})
        answer = self.getresponse()
        return answer.status, answer.read()


def calls(client, method, path, body, headers, expected, pause, seen, began):
    while not STOPPED.is_set():
        kept, start = client.sock is not None, time.monotonic()
        try:
            status, _ = client.ask(method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            client.close()
            if kept and time.monotonic() - start < 25:
                # The server closed the idle connection: retry on a new one, as every client does.
                seen["retried"] += 1
                continue
            status = type(error).__name__
        seconds = time.monotonic() - start
        seen["sent"] += 1
        seen["slowest"] = max(seen["slowest"], round(seconds, 2))
        if status != expected:
            at = round(start - began, 2)
            seen["failures"].append([at, f"{method} {path}", status])
        if method == "POST":
            client.close()
        STOPPED.wait(pause)


def main(root, domain):
    context = ssl.create_default_context(cafile=root)
    status, body = Client(9, domain, context).ask(
        "POST", "/api/auth/login", '{"code": "underload"}', {}
    )
    assert status == 200, body
    bearer = {"Authorization": f"Bearer {json.loads(body)['data']['token']}"}
    kinds = [
        *[("GET", "/api/hello", None, {}, 200, 0.03)] * 2,
        *[("GET", "/readyz", None, {}, 200, 0.05)],
        *[("GET", "/api/me", None, bearer, 200, 0.03)] * 2,
        *[("POST", "/api/me/decrypt", "{}", {}, 401, 0.1)] * 2,
        *[("POST", "/api/auth/login", '{"code": "loggingin"}', {}, 200, 0.3)],
    ]
    began = time.monotonic()
    counted = [{"sent": 0, "retried": 0, "slowest": 0.0, "failures": []} for _ in kinds]
    threads = [
        threading.Thread(target=calls, args=(Client(10 + i, domain, context), *kind, seen, began))
        for i, (kind, seen) in enumerate(zip(kinds, counted, strict=True))
    ]
    for thread in threads:
        thread.start()
    print("calling", flush=True)  # noqa: T201
    sys.stdin.read()
    STOPPED.set()
    for thread in threads:
        thread.join()
    failures = sorted((f for seen in counted for f in seen["failures"]), key=lambda f: f[0])
    whole = collections.Counter()
    for seen in counted:
        whole.update({"sent": seen["sent"], "retried": seen["retried"]})
    counts = {
        "sent": whole["sent"],
        "failed": len(failures),
        "retried": whole["retried"],
        "slowest": max(seen["slowest"] for seen in counted),
        "clients": len(kinds),
        "failures": failures[:30],
        "failed_for": round(failures[-1][0] - failures[0][0], 2) if failures else 0,
    }
    print(json.dumps(counts))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
