"""For load balancers, deployments and Prometheus: alive, ready, and the figures."""

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST

from myapi import metrics as figures
from myapi import schema_version
from myapi.contract import contract
from myapi.errors import ApiError
from myapi.guards import anyone, neighbours

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@anyone
@contract()
def healthz() -> None:
    """Say that the process answers."""


@bp.get("/readyz")
@anyone
@contract(errors=("service_unavailable",))
def readyz() -> None:
    """Say that the database answers and lacks no migration of this code."""
    if not schema_version.is_ready():
        raise ApiError("service_unavailable", "the database waits for `flask db upgrade`")


@bp.get("/metrics")
@neighbours
def metrics() -> Response:
    """Write the metrics of all workers as Prometheus text."""
    return Response(figures.exposition(), content_type=CONTENT_TYPE_LATEST)
