"""The load: wrk, and a prober that calls at a steady rate whatever the answers take."""

import contextlib
import gc
import http.client
import itertools
import json
import os
import ssl
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers import Server

SCRIPT = Path(__file__).with_name("load.lua")
THREADS = 2
PATIENCE = 10  # s until wrk counts an answer as missing
PROBERS = 100  # connections, so that an answer late by 2 s holds up no other call

_runs = itertools.count(1)


class Wrk(Server):
    """Never started as a server; it says whether wrk is here."""

    programs = ("wrk",)
    package = "wrk"


@dataclass(frozen=True)
class Measured:
    """What wrk saw. Times are in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    max: float
    bad: int  # answers of 400 and above
    broken: int  # connections that failed, and answers that did not come
    statuses: dict[int, int] = field(default_factory=dict)  # of logins alone

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def wrk(url: str, clients: int, seconds: float, *kind: str) -> Measured:
    """Have `clients` call one after another over kept connections (a closed loop)."""
    return collect(start_wrk(url, clients, seconds, *kind))


def start_wrk(url: str, clients: int, seconds: float, *kind: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(url, clients, seconds, *kind),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def command(url: str, clients: int, seconds: float, *kind: str) -> list[str]:
    """Write wrk's command; codes of logins get a beginning that no other run has."""
    threads = min(THREADS, clients)
    if kind[:1] == ("tokens",):
        kind = (*kind, str(threads))
    if kind[:1] == ("logins",):
        kind = (kind[0], f"{kind[1]}-{time.time_ns():x}-{next(_runs)}")
    load = [f"-t{threads}", f"-c{clients}", f"-d{round(seconds)}s"]
    rules = ["--latency", f"--timeout={PATIENCE}s", "-s", str(SCRIPT)]
    return ["wrk", *load, *rules, url, "--", *(kind or ("plain",))]


def collect(process: subprocess.Popen[str]) -> Measured:
    """Wait for wrk to end, and read what it printed."""
    try:
        printed, complaints = process.communicate()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode or complaints:
        raise RuntimeError(f"wrk failed: {complaints or printed}")
    told = json.loads(printed.splitlines()[-1])
    statuses: Counter[int] = Counter()
    for thread in told["statuses"]:
        statuses.update({int(status): count for status, count in thread.items()})
    return Measured(
        told["requests"],
        told["micros"] / 1e6,
        *(told[name] / 1000 for name in ("p50", "p99", "max")),
        told["bad"],
        told["broken"] + told["timeouts"],
        dict(statuses),
    )


def probe(url: str, seconds: float, rate: float) -> list[float]:
    """Call `rate` times a second; return what each took (ms), from when it was due.

    So a call that could not even begin in time counts with its wait. One that fails counts as
    the whole patience.
    """
    found: list[float] = []
    began: list[float] = []
    gate = threading.Barrier(PROBERS, lambda: began.append(time.monotonic() + 0.05))

    def calls(first: int) -> None:
        _never_wait_for_a_processor()
        connection = _connection(url)
        gate.wait()
        numbers = range(first, int(seconds * rate), PROBERS)
        found.extend(_call(connection, urlsplit(url).path, began[0] + n / rate) for n in numbers)
        connection.close()

    gc.disable()  # a pause of ours is none of the service
    try:
        with ThreadPoolExecutor(PROBERS) as probers:
            list(probers.map(calls, range(PROBERS)))
    finally:
        gc.enable()
    return found


def _call(connection: http.client.HTTPConnection, path: str, due: float) -> float:
    time.sleep(max(0.0, due - time.monotonic()))
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        well = response.status == 200
    except (OSError, http.client.HTTPException):
        connection.close()
        well = False
    return (time.monotonic() - due) * 1000 if well else PATIENCE * 1000


def _never_wait_for_a_processor() -> None:
    """Have this thread go before all others where that is allowed (root): it only measures."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(threading.get_native_id(), os.SCHED_RR, os.sched_param(1))


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme == "https":
        context = ssl._create_unverified_context()  # the certificate is the benchmark's own
        return http.client.HTTPSConnection(parts.netloc, timeout=PATIENCE, context=context)
    return http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)


def ask(url: str, headers: dict[str, str] | None = None, code: str | None = None):
    """Make one call, a login where a code is given; return its status and its JSON."""
    connection = _connection(url)
    body = None if code is None else json.dumps({"code": code})
    headers = {**(headers or {}), **({"Content-Type": "application/json"} if body else {})}
    connection.request("POST" if body else "GET", urlsplit(url).path, body, headers)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    return response.status, json.loads(answer)
