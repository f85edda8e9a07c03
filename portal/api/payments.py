"""Payments over the API: an amount paid by the customer's card, or recorded by the shop; read by both parties."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response
from flask.typing import ResponseReturnValue
from pydantic import Field

from portal.core.errors import N_, Forbidden, PortalError, collecting
from portal.core.money import parse_amount
from portal.core.payments import NOTE_LONGEST, REASON_LONGEST, RECORDED, Method
from portal.core.roles import Actor, Permission, Role
from portal.extensions import adapters, db, now
from portal.http_errors import problem
from portal.presentation.outcomes import payment_failed
from portal.queries import listing, payments
from portal.queries.payments import ListedPayment, PaymentFilter
from portal.services import payments as paying
from portal.services import recording, reversals
from portal.services.payments import PaymentRequest, Scope
from portal.services.recording import Recording
from portal.services.reversals import ReversalRequest
from portal.services.transaction import unit_of_work

from . import answers, examples
from .describing import documented
from .guards import actor, either_party, requires, signed_in
from .pages import OwnQuery, PageQuery, page, position
from .requests import idempotency_key
from .schemas import REFUSALS, UNKNOWN, Amount, Body, Day, text

bp = APIBlueprint("api_payments", __name__, url_prefix="/api", tag="Payments")


class NewPayment(Body):
    """A customer sends the amount alone; the rest is what a shop says of a payment that it received elsewhere."""

    amount: Amount
    method: Literal[tuple(RECORDED)] = Field(None, description="For shops, which have to send it.")
    received_on: Day = Field(None, description="For shops; today unless given.")
    note: text(NOTE_LONGEST) = Field("", description="For shops; the customer reads it.")
    again: bool = Field(
        False, description="For shops: it is another payment, although one like it was recorded."
    )
    recovery: bool = Field(False, description="For shops: it recovers what was written off; nothing is owed.")


@bp.post("/plans/<uuid:plan_id>/payments/")
@documented(
    bp,
    answers.BegunPayment,
    status=201,
    refusals=(402, 404),
    instead=examples.OFFERED | examples.TOO_MUCH_PAID,
    keyed=True,
    also={202: {"status": "processing", "receipt": None, "received_on": None}},
)
@bp.input(NewPayment, example=examples.NEW_PAYMENT)
@requires(Permission.RECORD, Role.CUSTOMER)
@either_party
def create(plan_id: UUID, json_data: NewPayment) -> ResponseReturnValue:
    """Pay an amount of what is owed, or as its shop record one: what is due first is paid first"""
    currency = listing.currency_of_plan(db.session, actor(), plan_id)
    if actor().member_of:
        if not actor().may(Permission.RECORD):
            raise Forbidden(N_("Your role in this shop does not allow this. Ask the shop's owner."))
        return _record(plan_id, json_data, currency) | {"continue_url": None}, 201
    with collecting() as faults:
        for name in sorted(json_data.model_fields_set - {"amount"}):
            faults.errors[name] = PortalError(UNKNOWN)
        with faults.caught():
            amount = parse_amount(json_data.amount, currency, "amount")
    return _pay(PaymentRequest(plan_id, Scope.AMOUNT, None, part=amount))


class NewReversal(Body):
    reason: text(REASON_LONGEST)


@bp.post("/plans/<uuid:plan_id>/payments/<uuid:payment_id>/reverse/")
@documented(
    bp, answers.Payment, {"reversed": "25.00"}, refusals=(404,), instead=examples.NOT_RECORDED, keyed=True
)
@bp.input(NewReversal, example=examples.NEW_REVERSAL)
@requires(Permission.RECORD)
def reverse(plan_id: UUID, payment_id: UUID, json_data: NewReversal) -> ResponseReturnValue:
    """Reverse a payment that you recorded: what did not come in is owed again"""
    wanted = ReversalRequest(plan_id, payment_id, json_data.reason)

    def answer() -> dict[str, Any]:
        return answers.payment(payments.get_payment(db.session, actor(), payment_id))

    with unit_of_work(db.session):
        return reversals.reverse_once(db.session, actor(), wanted, idempotency_key(), now(), answer)


def _pay(request: PaymentRequest) -> ResponseReturnValue:
    answer = paying.pay(db.session, adapters().gateway, actor(), request, idempotency_key(), now())
    if answer.status in ("declined", "abandoned"):
        text = payment_failed(answer.outcome, answer.amount, answer.currency)
        return problem(402, text, outcome=answer.outcome)
    made = answers.payment(payments.get_payment(db.session, actor(), answer.payment_id))
    return made | {"continue_url": answer.url}, 201 if answer.status == "paid" else 202


def _record(plan_id: UUID, sent: NewPayment, currency: str) -> dict[str, Any]:
    with collecting() as faults:
        if sent.method is None:
            faults.errors["method"] = PortalError(REFUSALS["missing"])
        with faults.caught():
            amount = parse_amount(sent.amount, currency, "amount")
    wanted = Recording(
        plan_id,
        amount,
        Method(sent.method),
        sent.received_on,
        sent.note,
        again=sent.again,
        recovery=sent.recovery or None,
    )

    def answer(payment_id: UUID) -> dict[str, Any]:
        return answers.payment(payments.get_payment(db.session, actor(), payment_id))

    with unit_of_work(db.session):
        return recording.record_once(db.session, actor(), wanted, idempotency_key(), now(), answer)


@bp.get("/plans/<uuid:plan_id>/payments/")
@documented(bp, answers.Payment, page=True, refusals=(404,), instead=examples.NO_PAGE)
@bp.input(PageQuery, location="query")
@requires(Role.MERCHANT, Role.CUSTOMER)
@either_party
def of_plan(plan_id: UUID, query_data: PageQuery) -> Response:
    """A plan's payments, newest first"""
    listing.merchant_of_plan(db.session, actor(), plan_id)
    return _page(f"payments of {plan_id}", query_data, PaymentFilter(plan_id), actor())


class PaymentsQuery(OwnQuery):
    first: Day = Field(None, alias="from", description="The first day of receipt.")
    last: Day = Field(None, alias="to", description="The last day of receipt.")
    method: Literal[tuple(Method)] = Field(None)


@bp.get("/payments/")
@documented(bp, answers.Payment, page=True, instead=examples.NO_PAGE)
@bp.input(PaymentsQuery, location="query")
@signed_in
def index(query_data: PaymentsQuery) -> Response:
    """Your payments, newest first; with days, those received on them"""
    wanted = PaymentFilter(None, query_data.method, query_data.first, query_data.last)
    return _page(f"payments {wanted} {query_data.side}", query_data, wanted, query_data.reader)


def _page(of: str, query: PageQuery, wanted: PaymentFilter, reader: Actor) -> Response:
    last = position(of, query)
    found = payments.payments(
        db.session, reader, wanted, before=UUID(last[0]) if last else None, limit=query.limit + 1
    )
    return page(of, query, found, answers.payment, _end)


def _end(payment: ListedPayment) -> list[str]:
    return [str(payment.id)]
