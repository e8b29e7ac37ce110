"""For load balancers, deployments and Prometheus: alive, ready, and the figures."""

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST

from myapi.db import schema_version
from myapi.observability import metrics as figures
from myapi.web.access import local_only, public
from myapi.web.endpoint import endpoint
from myapi.web.errors import ApiError

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@public
@endpoint()
def healthz() -> None:
    """Say that the process answers."""


@bp.get("/readyz")
@public
@endpoint(errors=("service_unavailable",))
def readyz() -> None:
    """Say that the database answers and lacks no migration of this code."""
    if not schema_version.is_ready():
        raise ApiError("service_unavailable", "the database waits for `flask db upgrade`")


@bp.get("/metrics")
@local_only
def metrics() -> Response:
    """Write the metrics of all workers as Prometheus text."""
    return Response(figures.exposition(), content_type=CONTENT_TYPE_LATEST)
