"""What the API answers: each kind of answer as a model for the description, and the function that writes it as JSON."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from portal.core.money import decimal_text
from portal.core.roles import Actor
from portal.core.schedule import Frequency
from portal.core.states import InstallmentStatus
from portal.queries.read_models import InstallmentView, PlanView
from portal.services import refund_settlement, settlement

Id = Annotated[str, WithJsonSchema({"type": "string", "description": "Opaque."})]
Decimals = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"})]
Day = Annotated[str, WithJsonSchema({"type": "string", "format": "date"})]
Instant = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
PlanStatus = Literal[
    "offered", "active", "overdue", "completed", "declined", "revoked", "expired", "cancelled"
]


class Answer(BaseModel):
    """Only for the description; what is sent is written by the functions below, which are quicker."""

    model_config = ConfigDict(extra="forbid")


class Account(Answer):
    id: Id
    username: str
    email: str
    role: Literal["merchant", "customer", "admin"]


class Access(Answer):
    access: str = Field(description="Lasts 15 minutes.")


class Tokens(Access):
    refresh: str = Field(description="Lasts one day; gets new access tokens at /api/token/refresh/.")


class Installment(Answer):
    id: Id
    plan: Id
    number: int
    amount: Decimals
    currency: str
    due_date: Day
    status: InstallmentStatus
    processing: bool = Field(description="A payment for it has no answer from the provider yet.")
    paid: Decimals
    cancelled: Decimals
    returned: Decimals
    owed: Decimals = Field(description="What is left of the amount: less what was paid and cancelled.")
    paid_at: Instant | None


class Plan(Answer):
    id: Id
    merchant: Id
    customer: Id
    customer_email: str
    description: str
    total_amount: Decimals
    currency: str
    num_installments: int
    frequency: Frequency
    start_date: Day
    status: PlanStatus = Field(
        description="The state, or overdue for an active plan of which something is late."
    )
    created_at: Instant
    updated_at: Instant
    installments: list[Installment]


class RefundLine(Answer):
    installment: Id
    cancelled: Decimals
    returned: Decimals


class Refund(Answer):
    id: Id
    plan: Id
    amount: Decimals
    currency: str
    status: Literal["succeeded", "processing", "declined"]
    cancelled: Decimals
    returned: Decimals = Field(description="What goes back in cash; on its way while processing.")
    installments: list[RefundLine]


class Problem(BaseModel):
    """RFC 9457. ``errors`` names fields with bad input; ``outcome`` says why a payment was refused."""

    type: str
    title: str
    status: int
    detail: str
    code: str | None = Field(
        None,
        description="Stable, for programs: what the state of a plan or installment does not allow, for one.",
    )
    errors: dict[str, list[str]] | None = None
    outcome: str | None = None
    refund: Refund | None = None


def account(person: Actor) -> dict[str, Any]:
    return {"id": str(person.id), "username": person.username, "email": person.email, "role": person.role}


def plan(view: PlanView) -> dict[str, Any]:
    return {
        "id": str(view.id),
        "merchant": str(view.merchant_id),
        "customer": str(view.customer_id),
        "customer_email": view.customer_email,
        "description": view.description,
        "total_amount": decimal_text(view.total, view.currency),
        "currency": view.currency,
        "num_installments": view.num_installments,
        "frequency": view.frequency,
        "start_date": view.start_date.isoformat(),
        "status": view.status,
        "created_at": instant(view.created_at),
        "updated_at": instant(view.updated_at),
        "installments": [installment(i, view.currency) for i in view.installments],
    }


def installment(view: InstallmentView, currency: str) -> dict[str, Any]:
    """What an ended offer would have cost is not owed by anyone."""
    ended_unpaid = view.status is InstallmentStatus.CANCELLED
    return {
        "id": str(view.id),
        "plan": str(view.plan_id),
        "number": view.number,
        "amount": decimal_text(view.amount, currency),
        "currency": currency,
        "due_date": view.due_on.isoformat(),
        "status": view.status,
        "processing": view.processing,
        "paid": decimal_text(view.paid, currency),
        "cancelled": decimal_text(view.cancelled, currency),
        "returned": decimal_text(view.returned, currency),
        "owed": decimal_text(0 if ended_unpaid else view.owed, currency),
        "paid_at": instant(view.paid_at) if view.paid_at else None,
    }


def paid_installment(answer: settlement.Answer) -> dict[str, Any]:
    """The installment as its payment left it, which is what every repetition of the request is told too."""
    facts = answer.installment or {}
    view = InstallmentView(
        id=UUID(facts["id"]),
        plan_id=UUID(facts["plan_id"]),
        number=facts["number"],
        amount=facts["amount"],
        paid=facts["paid"],
        cancelled=facts["cancelled"],
        returned=facts["returned"],
        due_on=date.fromisoformat(facts["due_on"]),
        paid_on=None,
        paid_at=datetime.fromisoformat(facts["paid_at"]),
        status=InstallmentStatus.PAID,
        processing=False,
    )
    return installment(view, answer.currency)


def refund(answer: refund_settlement.Answer) -> dict[str, Any]:
    """What was asked to be cancelled and returned, per installment in the order in which it is done."""
    lines: dict[str, tuple[int, int]] = {}
    for installment_id, amount in answer.split["cancelled"]:
        lines[installment_id] = (amount, 0)
    for _payment, installment_id, amount in answer.split["returned"]:
        cancelled, returned = lines.get(installment_id, (0, 0))
        lines[installment_id] = (cancelled, returned + amount)
    currency, declined = answer.currency, answer.status == "declined"
    return {
        "id": str(answer.refund_id),
        "plan": str(answer.plan_id),
        "amount": decimal_text(answer.amount, currency),
        "currency": currency,
        "status": answer.status,
        "cancelled": decimal_text(answer.cancelled, currency),
        "returned": decimal_text(answer.returned if declined else answer.to_return, currency),
        "installments": [
            {"installment": i, "cancelled": decimal_text(c, currency), "returned": decimal_text(r, currency)}
            for i, (c, r) in lines.items()
        ],
    }


def instant(at: datetime) -> str:
    """RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
