"""Installments over the API: listed for both parties, paid by the customer alone, whole and once."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response
from flask.typing import ResponseReturnValue
from pydantic import Field

from portal.core.roles import Role
from portal.core.states import InstallmentStatus
from portal.extensions import adapters, db, now
from portal.http_errors import problem
from portal.presentation.outcomes import payment_failed
from portal.queries import plan_rows
from portal.queries.plan_rows import FoundLine
from portal.services import payments
from portal.services.payments import PaymentRequest, Scope

from . import answers, examples
from .describing import documented
from .guards import actor, either_party, origin, requires, signed_in
from .pages import OwnQuery, page, position
from .requests import idempotency_key
from .schemas import Nothing

bp = APIBlueprint("api_installments", __name__, url_prefix="/api/plans/installments", tag="Installments")


class InstallmentsQuery(OwnQuery):
    status: Literal[tuple(InstallmentStatus)] = Field(None)


@bp.get("/")
@documented(bp, answers.Installment, page=True, instead=examples.NO_PAGE)
@bp.input(InstallmentsQuery, location="query")
@signed_in
def index(query_data: InstallmentsQuery) -> Response:
    """Your installments by due date, those of offers too"""
    of = f"installments {query_data.status} {query_data.side}"
    last = position(of, query_data)
    found = plan_rows.list_installments(
        db.session,
        query_data.reader,
        now(),
        status=query_data.status,
        limit=query_data.limit + 1,
        after=(date.fromisoformat(last[0]), UUID(last[1])) if last else None,
    )
    return page(of, query_data, found, answers.installment, _end)


def _end(last: FoundLine) -> list[str]:
    return [last.row.due_on.isoformat(), last.row.id]


@bp.get("/<uuid:installment_id>/")
@documented(bp, answers.Installment, refusals=(404,))
@requires(Role.MERCHANT, Role.CUSTOMER)
@either_party
def show(installment_id: UUID) -> ResponseReturnValue:
    """One installment"""
    return answers.installment(plan_rows.get_installment(db.session, actor(), installment_id, now()))


@bp.post("/<uuid:installment_id>/pay/")
@documented(
    bp,
    answers.BeingPaid,
    examples.PAID,
    refusals=(402, 404, 409),
    keyed=True,
    also={202: {"processing": True}},
)
@bp.input(Nothing)
@requires(Role.CUSTOMER)
def pay(installment_id: UUID, json_data: Nothing) -> ResponseReturnValue:
    """Pay the whole of an installment; paying one of an open offer accepts the offer"""
    answer = payments.pay(
        db.session,
        adapters().gateway,
        actor(),
        PaymentRequest(None, Scope.INSTALLMENT, None, installment_id),
        idempotency_key(),
        now(),
        origin(),
    )
    if answer.status == "paid":
        return answers.paid_installment(answer) | {"continue_url": None}
    if answer.status in ("processing", "continue"):
        waiting = answers.installment(plan_rows.get_installment(db.session, actor(), installment_id, now()))
        return waiting | {"continue_url": answer.url}, 202
    text = payment_failed(answer.outcome, answer.amount, answer.currency)
    return problem(402, text, outcome=answer.outcome)
