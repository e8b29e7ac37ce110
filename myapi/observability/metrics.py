"""Prometheus metrics, summed over all workers.

Each worker writes its own files into PROMETHEUS_MULTIPROC_DIR, which `gunicorn.conf.py` sets before
this module is imported.
"""

import functools
import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

REQUESTS = Counter("myapi_requests", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "myapi_request_seconds",
    "Time to answer a request, in seconds.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
WECHAT_SECONDS = Histogram(
    "myapi_wechat_seconds",
    "Time of a call to WeChat, its retry included, in seconds.",
    ["outcome"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5),
)


def record_request(method: str, route: str, status: int, seconds: float) -> None:
    requests, durations = _labelled(method, route, status)
    requests.inc()
    durations.observe(seconds)


@functools.cache  # label sets are few, and looking one up costs more than incrementing it
def _labelled(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, route, status), SECONDS.labels(route)


def record_wechat_call(outcome: str, seconds: float) -> None:
    WECHAT_SECONDS.labels(outcome).observe(seconds)


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    all_workers = CollectorRegistry()
    MultiProcessCollector(all_workers)  # type: ignore[no-untyped-call]
    return generate_latest(all_workers)
