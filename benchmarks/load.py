"""The load generators: wrk (closed loop), and a prober with a constant request rate (open loop)."""

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
TIMEOUT = 10  # s until a response counts as missing
PROBERS = 100  # connections: a response that takes 2 s delays no other probe

_runs = itertools.count(1)


class Wrk(Server):
    """Only for `available()`; wrk is not a server."""

    programs = ("wrk",)
    package = "wrk"


@dataclass(frozen=True)
class Measured:
    """The result of a wrk run. Latencies are in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    max: float
    bad: int  # responses with status 400 or above
    broken: int  # failed connections and missing responses
    statuses: dict[int, int] = field(default_factory=dict)  # only for logins

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def wrk(url: str, clients: int, seconds: float, *kind: str) -> Measured:
    """Run wrk with `clients` keep-alive connections, each sending one request after another."""
    return collect(start_wrk(url, clients, seconds, *kind))


def start_wrk(url: str, clients: int, seconds: float, *kind: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(url, clients, seconds, *kind),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def command(url: str, clients: int, seconds: float, *kind: str) -> list[str]:
    """Return wrk's command line; login codes get a prefix unique to this run."""
    threads = min(THREADS, clients)
    if kind[:1] == ("tokens",):
        kind = (*kind, str(threads))
    if kind[:1] == ("logins",):
        kind = (kind[0], f"{kind[1]}-{time.time_ns():x}-{next(_runs)}")
    load = [f"-t{threads}", f"-c{clients}", f"-d{round(seconds)}s"]
    options = ["--latency", f"--timeout={TIMEOUT}s", "-s", str(SCRIPT)]
    return ["wrk", *load, *options, url, "--", *(kind or ("plain",))]


def collect(process: subprocess.Popen[str]) -> Measured:
    """Wait for wrk to end and parse its output."""
    try:
        output, errors = process.communicate()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode or errors:
        raise RuntimeError(f"wrk failed: {errors or output}")
    result = json.loads(output.splitlines()[-1])
    statuses: Counter[int] = Counter()
    for thread in result["statuses"]:
        statuses.update({int(status): count for status, count in thread.items()})
    return Measured(
        result["requests"],
        result["micros"] / 1e6,
        *(result[name] / 1000 for name in ("p50", "p99", "max")),
        result["bad"],
        result["broken"] + result["timeouts"],
        dict(statuses),
    )


def probe(url: str, seconds: float, rate: float) -> list[float]:
    """Send `rate` requests a second; return the latency of each (ms) from its scheduled time.

    The wait of a request that could not be sent on time counts too. A failed request counts with
    the full time-out.
    """
    latencies: list[float] = []
    started: list[float] = []
    barrier = threading.Barrier(PROBERS, lambda: started.append(time.monotonic() + 0.05))

    def calls(first: int) -> None:
        _use_realtime_priority()
        connection = _connection(url)
        barrier.wait()
        numbers = range(first, int(seconds * rate), PROBERS)
        path = urlsplit(url).path
        latencies.extend(_call(connection, path, started[0] + n / rate) for n in numbers)
        connection.close()

    gc.disable()  # a pause here would be counted as the service's latency
    try:
        with ThreadPoolExecutor(PROBERS) as probers:
            list(probers.map(calls, range(PROBERS)))
    finally:
        gc.enable()
    return latencies


def _call(connection: http.client.HTTPConnection, path: str, due: float) -> float:
    time.sleep(max(0.0, due - time.monotonic()))
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        ok = response.status == 200
    except (OSError, http.client.HTTPException):
        connection.close()
        ok = False
    return (time.monotonic() - due) * 1000 if ok else TIMEOUT * 1000


def _use_realtime_priority() -> None:
    """Run this thread before all others, if allowed (root): it only measures."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(threading.get_native_id(), os.SCHED_RR, os.sched_param(1))


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme == "https":
        context = ssl._create_unverified_context()  # the benchmark's own self-signed certificate
        return http.client.HTTPSConnection(parts.netloc, timeout=TIMEOUT, context=context)
    return http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT)


def ask(url: str, headers: dict[str, str] | None = None, code: str | None = None):
    """Send one request, a login if a code is given; return the status and the JSON."""
    connection = _connection(url)
    body = None if code is None else json.dumps({"code": code})
    headers = {**(headers or {}), **({"Content-Type": "application/json"} if body else {})}
    connection.request("POST" if body else "GET", urlsplit(url).path, body, headers)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    return response.status, json.loads(answer)
