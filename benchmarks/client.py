"""Figures of the mini program client: a login storm, fuzzing, and its size.

    .venv/bin/python -m benchmarks.client [--runs 5000]

The storm is 500 simultaneous requests with an expired token against the real service with two
workers: once by this client, and once by a wrapper of wx.request that logs in again for every 401.
`opened` counts new sessions. Beyond MYAPI_SESSIONS_PER_USER each new session ends an older one, so
most of the wrapper's requests fail. Needs Node.js.
"""

import argparse
import gzip
import json
import subprocess
import tempfile
from pathlib import Path

from myapi.settings import ROOT
from myapi.wechat.sandbox import Sandbox, SandboxServer
from tests.service import Service, migrate

CLIENT = ROOT / "miniprogram" / "myapi"
TESTS = ROOT / "tests" / "miniprogram"
UNLIMITED = {"rate_limit_login": "1000000", "rate_limit_login_failed": "1000000"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5000)
    _storm()
    _fuzz(parser.parse_args().runs)
    _size()


def _storm() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sandbox = Sandbox(folder / "sandbox.db")
        url = migrate(f"sqlite:///{folder}/storm.db", folder)
        with (
            SandboxServer(sandbox) as wechat,
            Service(
                database_url=url, wechat_base_url=wechat.url, workers=2, **UNLIMITED
            ) as service,
        ):
            figures = json.loads(_node("storm.js", service.url))
        sandbox.close()
    columns = ("asked", "answered", "failed", "logins", "exchanges", "opened", "requests", "ms")
    print(f"{'storm':<8}" + "".join(f"{column:>10}" for column in columns))
    for client, row in figures.items():
        print(f"{client:<8}" + "".join(f"{row[column]:>10}" for column in columns))


def _fuzz(runs: int) -> None:
    sums = json.loads(_node("fuzz.js", str(runs)))
    print("fuzz    " + ", ".join(f"{count} {what}" for what, count in sums.items()))


def _size() -> None:
    files = [path.read_bytes() for path in sorted(CLIENT.glob("*.js"))]
    plain = sum(map(len, files))
    packed = len(gzip.compress(b"".join(files)))
    print(f"size    {plain / 1024:.1f} KB in {len(files)} files, {packed / 1024:.1f} KB gzipped")


def _node(script: str, argument: str) -> str:
    return subprocess.run(
        ["node", str(TESTS / script), argument], capture_output=True, text=True, check=True
    ).stdout


if __name__ == "__main__":
    main()
