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
from portal.core.errors import N_, Conflict
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
from .schemas import Body, Day, Nothing, SentId, text

bp = APIBlueprint(
    "api_amendments", __name__, url_prefix="/api/plans/<uuid:plan_id>/amendments", tag="Amendments"
)


class NewDate(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    id: SentId
    due_date: Day


class NewAmendment(Body):
    installments: list[NewDate] = Field(
        max_length=MAX_INSTALLMENTS,
        description="The installments that move; those that are not named keep their date.",
    )
    reason: text(REASON_LONGEST) = Field("", description="The other side reads it.")


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
    """Propose other dates. What a shop proposes and is better for the customer is in force at once"""
    dates = tuple((line.id, line.due_date) for line in json_data.installments)
    proposal = Proposal(plan_id, dates, json_data.reason)

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
    return jsonify([answers.amendment(one, plan_id) for one in amendments_of(db.session, plan, now())])


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
        return answers.amendment(get_amendment(db.session, plan, number, now()), plan_id)

    key = idempotency_key()
    with unit_of_work(db.session):
        if key:
            plans.lock(db.session, merchant_id, plan_id, now())
        return idempotency.once(db.session, merchant_id, actor().id, key, request, now(), do)
