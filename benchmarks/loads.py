"""The load functions of the cases: each takes the run and a stack and returns figures.

Figures are per turn: rates in responses per second, latencies in milliseconds, CPU of the stack's
own processes in microseconds per request, memory in MiB, times in seconds.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable

from benchmarks.apps import PYTHON
from benchmarks.bench import Bench, Figures, settle
from benchmarks.load import Measured, ask, collect, probe, start_wrk, wrk
from benchmarks.stacks import Stack
from myapi.settings import ROOT

CLIENTS = 32
PROBES = 50  # requests to /api/hello per second while logins run
WARM_UP = 1  # s of the same load before each turn
WARM_UP_CALLS = 20_000  # before a stack's first turn, or as many as it answers in WARM_UP_MAX
WARM_UP_MAX = 12  # s
MIB = 2**20


def hello(bench: Bench, stack: Stack) -> Figures:
    return _closed_loop(bench, stack, "/api/hello")


def me(bench: Bench, stack: Stack) -> Figures:
    return _closed_loop(bench, stack, "/api/me", "tokens", str(stack.data.tokens))


def forged(bench: Bench, stack: Stack) -> Figures:
    """Well-formed tokens with an invalid signature: every response must be 401."""
    token = stack.data.forged.read_text().partition("\n")[0]
    status, answer = ask(f"{stack.url}/api/me", {"Authorization": f"Bearer {token}"})
    assert (status, answer["error"]) == (401, "token_invalid"), answer
    return _closed_loop(bench, stack, "/api/me", "tokens", str(stack.data.forged), refused=True)


def flood(bench: Bench, stack: Stack) -> Figures:
    """Logins beyond the rate limit of their address, refused by the app with 429."""
    url = f"{stack.url}/api/auth/login"
    _warm_up(stack, lambda: wrk(url, CLIENTS, WARM_UP, "logins", "0"))
    figures, measured = _measure(stack, lambda: wrk(url, CLIENTS, bench.seconds, "logins", "0"))
    refused, accepted = measured.statuses.get(429, 0), measured.statuses.get(200, 0)
    return {
        **figures,
        "rate": refused / measured.seconds,
        "failed": measured.requests - refused - accepted + measured.broken,
    }


def logins(clients: int, delay: int) -> Callable[[Bench, Stack], Figures]:
    """Log in from `clients` connections with a WeChat delay of `delay` ms; probe /api/hello."""

    def load(bench: Bench, stack: Stack) -> Figures:
        url, probed = f"{stack.url}/api/auth/login", f"{stack.url}/api/hello"
        # Long enough for each client to get some responses from a stack with 125 logins a second.
        seconds = max(bench.seconds, 4 * delay / 1000, clients / 125)
        if not stack.answered:  # before the first turn
            stack.answered = wrk(url, clients, WARM_UP_MAX / 3, "logins", "0").requests
            settle([stack])
        idle = probe(probed, bench.seconds, PROBES)
        cpu = stack.cpu()
        process = start_wrk(url, clients, WARM_UP + seconds, "logins", str(delay))
        time.sleep(WARM_UP)
        loaded = probe(probed, seconds - 0.5, PROBES)
        measured = collect(process)
        good, busy = measured.statuses.get(200, 0), measured.statuses.get(503, 0)
        return {
            "rate": good / measured.seconds,
            "busy_rate": busy / measured.seconds,
            "failed": sum(measured.statuses.values()) - good - busy + measured.broken,
            "p50": measured.p50,
            "p99": measured.p99,
            "cpu": (stack.cpu() - cpu) / measured.requests * 1e6,
            "hello_idle_p99": _p99(idle),
            "hello_p99": _p99(loaded),
        }

    return load


def floor(bench: Bench, stack: Stack) -> Figures:
    paths = {"Nginx alone": ["/static"], "bare Flask": ["/api/hello"]}
    figures: Figures = {}
    for path in paths.get(stack.name, ["/api/hello", "/api/me"]):
        kind = ("tokens", str(stack.data.tokens)) if path == "/api/me" else ()
        found = _closed_loop(bench, stack, path, *kind)
        name = path.rpartition("/")[2]
        figures |= {f"{name}_{key}": found[key] for key in ("rate", "p99", "cpu", "failed")}
    if stack.name == "Nginx alone":
        del figures["static_cpu"]  # the app's processes are not involved
    return figures


def resources(bench: Bench, kind: str) -> Figures:
    """Measure start-up time, and memory before and after load."""
    stack = bench.stack(kind)
    started = time.monotonic()
    with stack.app:
        ready = time.monotonic() - started
        with stack:  # (the app is running: this starts its Nginx)
            time.sleep(1)
            idle = stack.pss() / MIB
            me(bench, stack)
            wrk(f"{stack.url}/api/auth/login", 256, bench.seconds, "logins", "100")
            time.sleep(1)
            return {"start": ready, "idle": idle, "loaded": stack.pss() / MIB}


def restarted(bench: Bench, stack: Stack) -> Figures:
    """Count the requests that fail, as seen by clients of Nginx, while workers are replaced."""
    seconds = max(6.0, bench.seconds)
    gets = start_wrk(f"{stack.url}/api/hello", 8, seconds)
    posts = start_wrk(f"{stack.url}/api/auth/login", 8, seconds, "logins", "0")
    before = set(stack.app.process_ids())
    replaced: set[int] = set()
    for _ in range(int(seconds) - 1):
        time.sleep(1)
        replaced |= set(stack.app.process_ids()) - before
        if stack.name == "reload":
            os.kill(stack.app.pid, signal.SIGHUP)
    got, posted = collect(gets), collect(posts)
    failed = {f"logins_{status}": n for status, n in posted.statuses.items() if status != 200}
    failed |= {"calls_bad": got.bad, "broken": got.broken + posted.broken}
    return {
        "requests": got.requests + posted.requests,
        "workers": len(replaced),
        **failed,  # by kind
        "failed": sum(failed.values()),
    }


def in_process(bench: Bench, _name: str) -> Figures:
    """CPU of one request at the WSGI interface, from benchmarks.in_process."""
    run = [PYTHON, "-m", "benchmarks.in_process"]
    output = subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = dict(re.findall(r"^(.+?) {2,}([\d.]+) +[\d.]+$", output, re.MULTILINE))
    return {name: float(micros) for name, micros in found.items()}


def wechat_limit(bench: Bench, _name: str) -> Figures:
    url = f"{bench.wechat.url}/sns/jscode2session?js_code=0-limit&appid=x"
    return {f"rate_{clients}": wrk(url, clients, bench.seconds).rate for clients in (32, 1000)}


def _closed_loop(
    bench: Bench, stack: Stack, path: str, *kind: str, refused: bool = False
) -> Figures:
    """Request one path from `CLIENTS` clients after a warm-up and count unexpected responses."""
    url = stack.url + path
    _warm_up(stack, lambda: wrk(url, CLIENTS, WARM_UP, *kind))
    figures, measured = _measure(stack, lambda: wrk(url, CLIENTS, bench.seconds, *kind))
    wrong = measured.requests - measured.bad if refused else measured.bad
    return {**figures, "failed": wrong + measured.broken}


def _warm_up(stack: Stack, load: Callable[[], Measured]) -> None:
    """Load once; before the first turn, load until a JIT compiler has compiled the hot code."""
    deadline = time.monotonic() + WARM_UP_MAX
    stack.answered += load().requests
    while stack.answered < WARM_UP_CALLS and time.monotonic() < deadline:
        stack.answered += load().requests


def _measure(stack: Stack, load: Callable[[], Measured]) -> tuple[Figures, Measured]:
    cpu, database = stack.cpu(), stack.database_cpu()
    measured = load()
    figures = {
        "rate": measured.rate,
        "p50": measured.p50,
        "p99": measured.p99,
        "cpu": (stack.cpu() - cpu) / measured.requests * 1e6,
    }
    if database:
        figures["database_cpu"] = (stack.database_cpu() - database) / measured.requests * 1e6
    return figures, measured


def _p99(latencies: list[float]) -> float:
    return sorted(latencies)[int(len(latencies) * 0.99)]
