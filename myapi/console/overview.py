"""The first page: how the service is."""

from flask import Response

from myapi.clock import now
from myapi.console import facts, responses
from myapi.console.blueprint import bp
from myapi.console.chart import chart
from myapi.observability.hourly import beginning_of_hour
from myapi.web.access import operators_only


@bp.get("/", strict_slashes=False)
@operators_only
def overview() -> Response:
    found = facts.gather()
    drawn = chart(found.counts, beginning_of_hour(now()))
    return responses.page("overview.html", facts=found, chart=drawn)
