"""Liveness, readiness and metrics, for load balancers, deployments and Prometheus."""

import mmap

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST

from myapi.db import schema_version
from myapi.observability import metrics as exported
from myapi.web.access import local_only, public
from myapi.web.endpoint import endpoint
from myapi.web.errors import ApiError

bp = Blueprint("health", __name__)

# One byte that Gunicorn's master and its workers share: not 0 once the service is about to stop.
_draining = mmap.mmap(-1, 1)


def start_draining() -> None:
    """Make `/healthz` answer 503 in all processes, so that load balancers send nothing new."""
    _draining[0] = 1


@bp.get("/healthz")
@public
@endpoint(errors=("service_unavailable",))
def healthz() -> None:
    """Liveness: the process answers."""
    # It still answers everything else; a proxy that asks here sends it nothing new.
    if _draining[0]:
        raise ApiError("service_unavailable", "the service is stopping", detail_zh="服务正在停止")


@bp.get("/readyz")
@public
@endpoint(errors=("service_unavailable",))
def readyz() -> None:
    """Readiness: the database answers and has all migrations of this code."""
    if not schema_version.is_ready():
        raise ApiError(
            "service_unavailable",
            "the database needs `flask db upgrade`",
            detail_zh="数据库要先执行 `flask db upgrade`",
        )


@bp.get("/metrics")
@local_only
def metrics() -> Response:
    """Return the metrics of all workers in the Prometheus text format."""
    return Response(exported.exposition(), content_type=CONTENT_TYPE_LATEST)
