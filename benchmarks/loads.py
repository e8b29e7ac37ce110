"""How a case loads what takes a turn: a function of the run and a stack that returns figures.

Figures are per turn: rates in answers a second, latencies in milliseconds, CPU in microseconds
a request of the stack's own processes, memory in MiB, times in seconds.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable

from benchmarks.bench import Bench, Figures, settle
from benchmarks.load import Measured, ask, collect, probe, start_wrk, wrk
from benchmarks.stacks import PYTHON, Stack
from myapi.settings import ROOT

CLIENTS = 32
PROBES = 50  # calls of /api/hello a second while logins run
WARM = 1  # s of the same load before each turn
WARM_CALLS = 20_000  # that each stack has answered before its first turn, if it can in WARM_MOST
WARM_MOST = 12  # s
MIB = 2**20


def hello(bench: Bench, stack: Stack) -> Figures:
    return _steadily(bench, stack, "/api/hello")


def me(bench: Bench, stack: Stack) -> Figures:
    return _steadily(bench, stack, "/api/me", "tokens", str(stack.data.tokens))


def forged(bench: Bench, stack: Stack) -> Figures:
    """Tokens of the right form whose signature is wrong: 401, and nothing else."""
    token = stack.data.forged.read_text().partition("\n")[0]
    status, answer = ask(f"{stack.url}/api/me", {"Authorization": f"Bearer {token}"})
    assert (status, answer["error"]) == (401, "token_invalid"), answer
    return _steadily(bench, stack, "/api/me", "tokens", str(stack.data.forged), refused=True)


def flood(bench: Bench, stack: Stack) -> Figures:
    """Logins past the limit of their address, which the app itself refuses: 429."""
    url = f"{stack.url}/api/auth/login"
    _warm(stack, lambda: wrk(url, CLIENTS, WARM, "logins", "0"))
    figures, measured = _watched(stack, lambda: wrk(url, CLIENTS, bench.seconds, "logins", "0"))
    refused, let_in = measured.statuses.get(429, 0), measured.statuses.get(200, 0)
    return {
        **figures,
        "rate": refused / measured.seconds,
        "failed": measured.requests - refused - let_in + measured.broken,
    }


def logins(clients: int, delay: int) -> Callable[[Bench, Stack], Figures]:
    """Log in from `clients` phones while WeChat takes `delay` ms, with a prober on /api/hello."""

    def load(bench: Bench, stack: Stack) -> Figures:
        url, quiet = f"{stack.url}/api/auth/login", f"{stack.url}/api/hello"
        # Long enough for each client to get some answers from a stack with 125 logins a second.
        seconds = max(bench.seconds, 4 * delay / 1000, clients / 125)
        if not stack.called:  # before the first turn
            stack.called = wrk(url, clients, WARM_MOST / 3, "logins", "0").requests
            settle([stack])
        idle = probe(quiet, bench.seconds, PROBES)
        cpu = stack.cpu()
        process = start_wrk(url, clients, WARM + seconds, "logins", str(delay))
        time.sleep(WARM)
        meanwhile = probe(quiet, seconds - 0.5, PROBES)
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
            "hello_p99": _p99(meanwhile),
        }

    return load


def floor(bench: Bench, stack: Stack) -> Figures:
    paths = {"Nginx alone": ["/static"], "bare Flask": ["/api/hello"]}
    figures: Figures = {}
    for path in paths.get(stack.name, ["/api/hello", "/api/me"]):
        kind = ("tokens", str(stack.data.tokens)) if path == "/api/me" else ()
        found = _steadily(bench, stack, path, *kind)
        name = path.rpartition("/")[2]
        figures |= {f"{name}_{key}": found[key] for key in ("rate", "p99", "cpu", "failed")}
    if stack.name == "Nginx alone":
        del figures["static_cpu"]  # of the app's processes, which have no part in it
    return figures


def resources(bench: Bench, kind: str) -> Figures:
    """Start a stack, and weigh it before and after calls of all kinds."""
    stack = bench.stack(kind)
    started = time.monotonic()
    with stack.app:
        ready = time.monotonic() - started
        with stack:  # (it is up: this adds its Nginx)
            time.sleep(1)
            idle = stack.pss() / MIB
            me(bench, stack)
            wrk(f"{stack.url}/api/auth/login", 256, bench.seconds, "logins", "100")
            time.sleep(1)
            return {"start": ready, "idle": idle, "loaded": stack.pss() / MIB}


def restarted(bench: Bench, stack: Stack) -> Figures:
    """Count the calls that fail while workers are replaced, as clients of Nginx see it."""
    seconds = max(6.0, bench.seconds)
    gets = start_wrk(f"{stack.url}/api/hello", 8, seconds)
    posts = start_wrk(f"{stack.url}/api/auth/login", 8, seconds, "logins", "0")
    before = set(stack.app.family())
    replaced: set[int] = set()
    for _ in range(int(seconds) - 1):
        time.sleep(1)
        replaced |= set(stack.app.family()) - before
        if stack.name == "reload":
            os.kill(stack.app.pid, signal.SIGHUP)
    got, posted = collect(gets), collect(posts)
    failed = {f"logins_{status}": n for status, n in posted.statuses.items() if status != 200}
    failed |= {"calls_bad": got.bad, "broken": got.broken + posted.broken}
    return {
        "requests": got.requests + posted.requests,
        "workers": len(replaced),
        **failed,  # of what kind they were
        "failed": sum(failed.values()),
    }


def in_process(bench: Bench, _name: str) -> Figures:
    """CPU of one call at the WSGI interface, from benchmarks.in_process."""
    run = [PYTHON, "-m", "benchmarks.in_process"]
    printed = subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = dict(re.findall(r"^(.+?) {2,}([\d.]+) +[\d.]+$", printed, re.MULTILINE))
    return {name: float(micros) for name, micros in found.items()}


def wechat_limit(bench: Bench, _name: str) -> Figures:
    url = f"{bench.wechat.url}/sns/jscode2session?js_code=0-limit&appid=x"
    return {f"rate_{clients}": wrk(url, clients, bench.seconds).rate for clients in (32, 1000)}


def _steadily(bench: Bench, stack: Stack, path: str, *kind: str, refused: bool = False) -> Figures:
    """Call one path from `CLIENTS` clients after a warm-up; all answers must be of one sort."""
    url = stack.url + path
    _warm(stack, lambda: wrk(url, CLIENTS, WARM, *kind))
    figures, measured = _watched(stack, lambda: wrk(url, CLIENTS, bench.seconds, *kind))
    wrong = measured.requests - measured.bad if refused else measured.bad
    return {**figures, "failed": wrong + measured.broken}


def _warm(stack: Stack, load: Callable[[], Measured]) -> None:
    """Load once, and before the first turn until a just-in-time compiler has had its say."""
    give_up = time.monotonic() + WARM_MOST
    stack.called += load().requests
    while stack.called < WARM_CALLS and time.monotonic() < give_up:
        stack.called += load().requests


def _watched(stack: Stack, load: Callable[[], Measured]) -> tuple[Figures, Measured]:
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


def _p99(found: list[float]) -> float:
    return sorted(found)[int(len(found) * 0.99)]
