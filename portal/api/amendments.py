"""Amendments over the API: either side of a plan proposes other dates, and the other answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, jsonify
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from portal.core.amendments import AmendmentState
from portal.core.errors import N_, Conflict, InvalidInput, collecting
from portal.core.money import parse_amount
from portal.core.payments import REASON_LONGEST
from portal.core.roles import Actor, Permission, Role
from portal.core.schedule import MAX_INSTALLMENTS
from portal.extensions import db, now
from portal.queries import listing
from portal.queries.amendments import amendments_of, get_amendment
from portal.services import amendments, idempotency, plans
from portal.services.amendments import Proposal
from portal.services.transaction import unit_of_work

from . import answers, examples
from .describing import documented
from .guards import actor, either_party, origin, requires
from .requests import idempotency_key
from .schemas import Amount, Body, Day, Nothing, SentId, text, without_null

bp = APIBlueprint(
    "api_amendments", __name__, url_prefix="/api/plans/<uuid:plan_id>/amendments", tag="Amendments"
)


class NewDate(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra=without_null)

    id: SentId = Field(None, description="An installment that moves, without `amount`.")
    amount: Amount = Field(None, description="Of a new installment, without `id`.")
    due_date: Day


class NewAmendment(Body):
    installments: list[NewDate] = Field(
        json_schema_extra={"maxItems": MAX_INSTALLMENTS},
        description="Either installments that move, by their `id`: those that are not named keep their date. Or new "
        "ones, each with its `amount`, over which all that is owed is spread.",
    )
    reason: text(REASON_LONGEST) = Field("", description="The other side reads it.")

    def proposal(self, plan_id: UUID, currency: str) -> Proposal:
        """Raises ``InvalidInput`` at ``installments`` where the two are mixed, or at an amount."""
        spreads = [line.amount is not None for line in self.installments]
        if any(spreads) != all(spreads) or any(
            (line.amount is None) == (line.id is None) for line in self.installments
        ):
            raise InvalidInput.at("installments", N_("Give each installment an id, or each an amount."))
        if not any(spreads):
            dates = tuple((line.id, line.due_date) for line in self.installments)
            return Proposal(plan_id, dates, self.reason)
        lines = []
        with collecting() as faults:
            for n, line in enumerate(self.installments):
                with faults.caught():
                    amount = parse_amount(line.amount, currency, f"installments.{n}.amount")
                    lines.append((amount, line.due_date))
        return Proposal(plan_id, (), self.reason, tuple(lines))


@bp.post("/")
@documented(
    bp,
    answers.Amendment,
    status=201,
    refusals=(404,),
    instead=examples.AMENDMENT_OPEN,
    keyed=True,
)
@bp.input(NewAmendment, example=examples.NEW_AMENDMENT)
@requires(Permission.AMEND, Role.CUSTOMER)
@either_party
def create(plan_id: UUID, json_data: NewAmendment) -> ResponseReturnValue:
    """Propose other dates, or spread what is owed. What a shop proposes and is better is in force at once"""
    proposal = json_data.proposal(plan_id, listing.currency_of_plan(db.session, actor(), plan_id))

    def act() -> int:
        return amendments.propose(db.session, actor(), proposal, origin(), now())

    return _once(plan_id, proposal, act), 201


@bp.get("/")
@documented(bp, answers.Amendment, page=True, refusals=(404,))
@requires(Role.MERCHANT, Role.CUSTOMER)
@either_party
def index(plan_id: UUID) -> Response:
    """A plan's amendments, newest first"""
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    found = amendments_of(db.session, plan, now())
    return jsonify([answers.amendment(one, plan_id, plan.currency) for one in found])


@dataclass(frozen=True, slots=True)
class AmendmentAnswer:
    """What is answered of which amendment, so that a key finds it again."""

    plan_id: UUID
    number: int
    how: str


@bp.post("/<int:number>/accept/")
@documented(bp, answers.Amendment, refusals=(404,), instead=examples.AMENDMENT_ENDED, keyed=True)
@bp.input(Nothing)
@requires(Permission.AMEND, Role.CUSTOMER)
@either_party
def accept(plan_id: UUID, number: int, json_data: Nothing) -> ResponseReturnValue:
    """Agree to the dates that the other side proposed"""

    def act() -> int:
        amendments.accept(db.session, actor(), plan_id, number, None, origin(), now())
        return number

    made = _once(plan_id, AmendmentAnswer(plan_id, number, "accept"), act)
    if made["state"] == AmendmentState.WITHDRAWN:
        raise Conflict(
            N_("Something of this change was paid or cancelled meanwhile, so it was withdrawn."),
            code="other_terms",
        )
    return made


@bp.post("/<int:number>/decline/")
@documented(
    bp,
    answers.Amendment,
    {"state": "declined"},
    refusals=(404,),
    instead=examples.AMENDMENT_ENDED,
    keyed=True,
)
@bp.input(Nothing)
@requires(Permission.AMEND, Role.CUSTOMER)
@either_party
def decline(plan_id: UUID, number: int, json_data: Nothing) -> ResponseReturnValue:
    """Decline the dates that the other side proposed"""
    return _end(AmendmentAnswer(plan_id, number, "decline"), amendments.decline)


@bp.post("/<int:number>/withdraw/")
@documented(
    bp,
    answers.Amendment,
    {"state": "withdrawn"},
    refusals=(404,),
    instead=examples.AMENDMENT_ENDED,
    keyed=True,
)
@bp.input(Nothing)
@requires(Permission.AMEND, Role.CUSTOMER)
@either_party
def withdraw(plan_id: UUID, number: int, json_data: Nothing) -> ResponseReturnValue:
    """Withdraw what you proposed"""
    return _end(AmendmentAnswer(plan_id, number, "withdraw"), amendments.withdraw)


def _end(
    answer: AmendmentAnswer, end: Callable[[Session, Actor, UUID, int, datetime], None]
) -> dict[str, Any]:
    """End an open amendment without putting it in force."""

    def act() -> int:
        end(db.session, actor(), answer.plan_id, answer.number, now())
        return answer.number

    return _once(answer.plan_id, answer, act)


def _once(plan_id: UUID, request: Proposal | AmendmentAnswer, act: Callable[[], int]) -> dict[str, Any]:
    """The amendment after the act, done in one unit of work and once per key; the plan is locked before the key."""
    merchant_id = listing.merchant_of_plan(db.session, actor(), plan_id)

    def do() -> dict[str, Any]:
        number = act()
        plan = listing.get_plan(db.session, actor(), plan_id, now())
        return answers.amendment(get_amendment(db.session, plan, number, now()), plan_id, plan.currency)

    key = idempotency_key()
    with unit_of_work(db.session):
        if key:
            plans.lock(db.session, merchant_id, plan_id, now())
        return idempotency.once(db.session, merchant_id, actor().id, key, request, now(), do)
