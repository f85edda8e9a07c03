"""Refunds over the API, as both parties read them; a plan's shop makes them at the plan."""

from __future__ import annotations

from uuid import UUID

from apiflask import APIBlueprint
from flask import Response

from portal.extensions import db
from portal.queries import refunds
from portal.queries.refunds import ListedRefund

from . import answers, examples
from .describing import documented
from .guards import signed_in
from .pages import OwnQuery, page, position

bp = APIBlueprint("api_refunds", __name__, url_prefix="/api/refunds", tag="Payments")


@bp.get("/")
@documented(bp, answers.Refund, page=True, instead=examples.NO_PAGE)
@bp.input(OwnQuery, location="query")
@signed_in
def index(query_data: OwnQuery) -> Response:
    """Refunds of your plans, newest first"""
    of = f"refunds {query_data.side}"
    last = position(of, query_data)
    found = refunds.refunds(
        db.session, query_data.reader, before=UUID(last[0]) if last else None, limit=query_data.limit + 1
    )
    return page(of, query_data, found, answers.refund, _end)


def _end(refund: ListedRefund) -> list[str]:
    return [str(refund.refund_id)]
