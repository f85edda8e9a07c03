"""The merchant's numbers over the API, under the three addresses by which programs know them."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from portal.core.roles import Role
from portal.extensions import db, now
from portal.queries import metrics

from . import answers, examples
from .describing import answering
from .guards import actor, requires

bp = APIBlueprint("api_analytics", __name__, url_prefix="/api", tag="Numbers")


@bp.get("/analytics/dashboard/")
@bp.get("/plans/analytics/dashboard/")
@bp.get("/analytics/merchant/")
@answering(bp, answers.Dashboard, examples.DASHBOARD)
@requires(Role.MERCHANT)
def dashboard() -> ResponseReturnValue:
    """The merchant's numbers"""
    return answers.dashboard(metrics.numbers(db.session, actor(), now()))
