"""Plans over the API: offered, read, answered, cancelled and refunded, by their own two parties only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, jsonify
from flask.typing import ResponseReturnValue
from pydantic import Field

from portal.core.errors import N_, Forbidden, NotFound
from portal.core.money import parse_amount
from portal.core.payments import REASON_LONGEST
from portal.core.roles import Permission, Role
from portal.extensions import adapters, db, now
from portal.http_errors import problem
from portal.presentation.outcomes import refund_declined
from portal.queries import listing, plan_rows
from portal.services import idempotency, offers, plans, refunds, verification, write_offs
from portal.services.transaction import unit_of_work

from . import answers, examples
from .describing import documented
from .guards import actor, either_party, origin, requires, signed_in
from .new_plans import NewPlan
from .pages import OwnQuery, page, position
from .requests import idempotency_key
from .schemas import Amount, Body, Nothing, text

bp = APIBlueprint("api_plans", __name__, url_prefix="/api/plans", tag="Plans")


@dataclass(frozen=True, slots=True)
class Offering:
    """An offer as a program asks for it, which is answered otherwise than that of a form."""

    proposal: offers.Proposal


@bp.post("/")
@documented(
    bp, answers.Plan, status=201, instead=examples.NO_PART | examples.TOO_MANY_OPEN_OFFERS, keyed=True
)
@bp.input(NewPlan, example=examples.NEW_PLAN)
@requires(Permission.OFFER)
def create(json_data: NewPlan) -> ResponseReturnValue:
    """Offer a plan"""
    proposal = json_data.proposal()

    def offer() -> UUID:
        return offers.offer(db.session, actor(), proposal, now())

    return _once(actor().merchant_id, Offering(proposal), offer), 201


class PlansQuery(OwnQuery):
    status: Literal[get_args(answers.PlanStatus)] = Field(
        None, description="Active leaves out what is overdue."
    )


@bp.get("/")
@documented(bp, answers.Plan, page=True, instead=examples.NO_PAGE)
@bp.input(PlansQuery, location="query")
@signed_in
def index(query_data: PlansQuery) -> Response:
    """Your plans, newest first"""
    reader = query_data.reader
    of = f"plans {query_data.status} {query_data.side}"
    last = position(of, query_data)
    found = plan_rows.list_plans(
        db.session,
        reader,
        now(),
        status=query_data.status,
        before=UUID(last[0]) if last else None,
        limit=query_data.limit + 1,
    )
    return page(of, query_data, found, answers.plan, lambda last: [last.row.id])


@bp.get("/<uuid:plan_id>/")
@documented(bp, answers.Plan, refusals=(404,))
@requires(Role.MERCHANT, Role.CUSTOMER)
@either_party
def show(plan_id: UUID) -> ResponseReturnValue:
    """One plan"""
    return answers.plan(plan_rows.get_plan(db.session, actor(), plan_id, now()))


@bp.get("/<uuid:plan_id>/installments/")
@documented(bp, answers.Installment, page=True, refusals=(404,))
@requires(Role.MERCHANT, Role.CUSTOMER)
@either_party
def installments(plan_id: UUID) -> Response:
    """A plan's installments, all of them"""
    plan = plan_rows.get_plan(db.session, actor(), plan_id, now())
    return jsonify([answers.installment(line) for line in plan.lines])


@dataclass(frozen=True, slots=True)
class Accepting:
    plan_id: UUID


@bp.post("/<uuid:plan_id>/accept/")
@documented(
    bp,
    answers.Plan,
    {"status": "active"},
    refusals=(404,),
    instead=examples.ACCEPTED,
    keyed=True,
)
@bp.input(Nothing)
@requires(Role.CUSTOMER)
def accept(plan_id: UUID, json_data: Nothing) -> ResponseReturnValue:
    """Agree to an offer, to exactly its terms"""

    # Before the plan is looked for: an offer to an address that nobody proved is not shown.
    verification.require_verified(actor())

    def act() -> UUID:
        offers.accept(db.session, actor(), plan_id, None, origin(), now())
        return plan_id

    return _once_on(Accepting(plan_id), act)


@dataclass(frozen=True, slots=True)
class Declining:
    plan_id: UUID


@bp.post("/<uuid:plan_id>/decline/")
@documented(
    bp,
    answers.Plan,
    {"status": "declined"},
    refusals=(404,),
    instead=examples.ACCEPTED,
    keyed=True,
)
@bp.input(Nothing)
@requires(Role.CUSTOMER)
def decline(plan_id: UUID, json_data: Nothing) -> ResponseReturnValue:
    """Say no to an offer"""

    verification.require_verified(actor())

    def act() -> UUID:
        offers.decline(db.session, actor(), plan_id, now())
        return plan_id

    return _once_on(Declining(plan_id), act)


@bp.post("/<uuid:plan_id>/cancel/")
@documented(
    bp,
    answers.Plan,
    {"status": "cancelled"},
    refusals=(404,),
    instead=examples.CANCELLED,
    keyed=True,
)
@bp.input(Nothing)
@requires(Permission.CANCEL, Permission.OFFER)
def cancel(plan_id: UUID, json_data: Nothing) -> ResponseReturnValue:
    """Revoke an offer, or cancel all that is owed on a plan and return nothing"""

    def act() -> UUID:
        plan = listing.get_plan(db.session, actor(), plan_id, now())
        is_offer = plan.accepted_on is None
        if not actor().may(Permission.OFFER if is_offer else Permission.CANCEL):
            raise Forbidden(N_("Your role in this shop does not allow this. Ask the shop's owner."))
        if is_offer:
            offers.revoke(db.session, actor(), plan_id, now())
        else:
            plans.cancel(db.session, actor(), plan_id, None, now())
        return plan_id

    return _once_on(plans.Cancellation(plan_id, None), act)


class NewWriteOff(Body):
    reason: text(REASON_LONGEST) = Field("", description="The customer sees it, in the email too.")


@bp.post("/<uuid:plan_id>/write-off/")
@documented(
    bp,
    answers.Plan,
    {"status": "written_off"},
    refusals=(404,),
    instead=examples.WRITTEN_OFF,
    keyed=True,
)
@bp.input(NewWriteOff, example=examples.NEW_WRITE_OFF)
@requires(Permission.WRITE_OFF)
def write_off(plan_id: UUID, json_data: NewWriteOff) -> ResponseReturnValue:
    """Stop collecting what is owed on an active plan"""
    request = write_offs.WriteOff(plan_id, json_data.reason)

    def act() -> UUID:
        write_offs.write_off(db.session, actor(), request, now())
        return plan_id

    return _once_on(request, act)


class NewRefund(Body):
    amount: Amount
    handed_back: bool = Field(
        False, description="You have handed back what is to be returned of payments that you recorded."
    )
    reason: text(REASON_LONGEST) = Field("", description="The customer reads it.")


@bp.post("/<uuid:plan_id>/refunds/")
@documented(
    bp,
    answers.Refund,
    status=201,
    refusals=(404,),
    keyed=True,
    instead=examples.NOT_SENT_BACK | examples.OFFERED | examples.TOO_MUCH,
    also={202: {"status": "processing"}},
)
@bp.input(NewRefund, example=examples.NEW_REFUND)
@requires(Permission.REFUND)
def refund(plan_id: UUID, json_data: NewRefund) -> ResponseReturnValue:
    """Refund an amount: what is owed is cancelled from the end, the rest goes back"""
    amount = parse_amount(json_data.amount, actor().currency, "amount")
    answer = refunds.refund(
        db.session,
        adapters().gateway,
        actor(),
        refunds.Request(plan_id, amount, None, json_data.handed_back or None, json_data.reason or None),
        idempotency_key(),
        now(),
    )
    made = answers.refund(answer)
    if answer.status == "declined":
        text = refund_declined(answer.cancelled, answer.to_return, answer.currency)
        return problem(402, text, outcome=answer.status, refund=made)
    return made, 202 if answer.status == "processing" else 201


def _once_on(
    request: Accepting | Declining | plans.Cancellation | write_offs.WriteOff, act: Callable[[], UUID]
) -> dict[str, Any]:
    """The own plan that the request names, after the act."""
    try:
        merchant_id = listing.merchant_of_plan(db.session, actor(), request.plan_id)
    except NotFound:
        plans.refuse_shop(db.session, actor(), request.plan_id)
        raise
    return _once(merchant_id, request, act, locked=request.plan_id)


def _once(
    merchant_id: UUID, request: Any, act: Callable[[], UUID], locked: UUID | None = None
) -> dict[str, Any]:
    """The plan after the act, done in one unit of work and once per key.

    A plan is ``locked`` before the key is claimed, in the order that paying uses, to avoid deadlocks.
    """

    def do() -> dict[str, Any]:
        plan_id = act()
        return answers.plan(plan_rows.get_plan(db.session, actor(), plan_id, now()))

    key = idempotency_key()
    with unit_of_work(db.session):
        if key and locked:
            plans.lock(db.session, merchant_id, locked, now())
        return idempotency.once(db.session, merchant_id, actor().id, key, request, now(), do)
