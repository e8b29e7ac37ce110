"""The API that the tests examine: its name, servers for it, and ways to run the doctor."""

import json
import secrets as random_secrets
import subprocess
import sys

from doctor import SERVER, Target, examine, parse_url, select
from doctor.network import Address
from myapi.settings import ROOT
from tests.requirements import need
from tests.servers import HOST, Nginx, free_port
from tests.tls import HELLO, Peer

NAME = "api.example.com"
URL = f"https://{NAME}"
APPID, APPSECRET = "wx0f1e2d3c4b5a6978", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
KEY = random_secrets.token_hex(32)
PRODUCTION = {
    "env": "production",
    "wechat_appid": APPID,
    "wechat_secret": APPSECRET,
    "secret_keys": KEY,
}
HTTPS_REQUIRED = """default_type application/json;
    return 403 '{"code": 40301, "error": "https_required", "msg": "use https"}';"""
GOOD = f"default_type application/json; location / {{ return 200 '{HELLO.decode()}'; }}"
TLS = "ssl_protocols TLSv1.2 TLSv1.3;"
HSTS = 'add_header Strict-Transport-Security "max-age=63072000" always;'
TIMERS = "Mon 2026-01-05 03:00:00 UTC 5h left - - certbot.timer certbot.service\n"


def at(end):
    return Address(end.host, end.port) if isinstance(end, Peer) else Address(HOST, end)


def failing(results):
    return {each.id for each in results.values() if each.status == "fail"}


def nginx(pair, inside, *, plain="return 403;", outside="", tls=""):
    """Serve HTTPS at `.port` and plain HTTP at `.plain`."""
    need(Nginx)
    second = free_port()
    server = Nginx(f"""
        {outside}
        server {{
            listen {HOST}:@PORT@ ssl;
            server_name {NAME};
            ssl_certificate {pair.chain};
            ssl_certificate_key {pair.key};
            {tls}
            {inside}
        }}
        server {{ listen {HOST}:{second}; {plain} }}
    """)
    server.plain = second
    return server


class Replayed:
    """A connection whose request has been read."""

    def __init__(self, connection):
        self.sendall = connection.sendall

    def recv(self, _size):
        return b"GET / HTTP/1.1\r\n\r\n"


def here(name, server, url=None, **more):
    """Run one check of the server."""
    target = Target(parse_url(url) if url else None, server=server, **more)
    (result,) = examine(target, select(SERVER, [name]))
    return result


def systemctl(timers="", result="success", state="active"):
    """Be systemd, with these timers and what their last run came to."""

    def run(*command):
        if "list-timers" in command:
            return timers
        if command[0] == "timedatectl":
            return result
        return f"Result={result}\n" if "Result" in command else f"ActiveState={state}\n"

    return run


def script(*args, **more):
    """Run the doctor from the checkout, with the standard library and nothing else."""
    return subprocess.run(
        [sys.executable, "-S", "-m", "doctor", *args],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        env={"PYTHONUTF8": "1", "LANG": "C.UTF-8", **more},
        timeout=60,
    )


def checks_of(done):
    return {each["id"]: each for each in json.loads(done.stdout)["checks"]}


def closed():
    return ["--resolve", f"{NAME}:443:{HOST}:1", "--resolve", f"{NAME}:80:{HOST}:1"]


def resolve(front):
    return [
        *("--resolve", f"{NAME}:443:{HOST}:{front.port}"),
        *("--resolve", f"{NAME}:80:{HOST}:{front.plain}"),
    ]


def options(front, authority, pair):
    return ["--ca", str(authority.file), "--cert", str(pair.chain), *resolve(front)]
