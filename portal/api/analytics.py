"""The merchant's numbers over the API, under the three addresses by which programs know them."""

from __future__ import annotations

from typing import Literal

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue
from pydantic import Field

from portal.core.periods import Period
from portal.core.roles import Role
from portal.extensions import db, now
from portal.queries import metrics

from . import examples, figures
from .describing import documented
from .guards import actor, requires
from .schemas import Query

bp = APIBlueprint("api_analytics", __name__, url_prefix="/api", tag="Numbers")


class PeriodQuery(Query):
    period: Literal[tuple(Period)] = Field(
        "all",
        description="30 or 90 days, 12 months, or all. Changes are against the period of the same length before.",
    )


@bp.get("/analytics/dashboard/")
@bp.get("/plans/analytics/dashboard/")
@bp.get("/analytics/merchant/")
@documented(bp, figures.Dashboard, instead=examples.NO_PERIOD)
@bp.input(PeriodQuery, location="query")
@requires(Role.MERCHANT)
def dashboard(query_data: PeriodQuery) -> ResponseReturnValue:
    """The merchant's numbers"""
    return figures.dashboard(metrics.dashboard(db.session, actor(), now(), query_data.period))
