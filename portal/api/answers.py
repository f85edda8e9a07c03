"""What the API answers: each answer is declared once, with its worked example, beside the function that writes it.

What these write is encoded by orjson (``api.requests``): ids, dates and instants in UTC as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from portal.core.amendments import AmendmentState
from portal.core.money import decimal_text
from portal.core.payments import Method
from portal.core.roles import Actor
from portal.core.schedule import FirstDue, Frequency, Kind
from portal.core.states import InstallmentStatus, PaymentState
from portal.queries import team
from portal.queries.amendments import AmendmentView
from portal.queries.payments import ListedPayment
from portal.queries.plan_rows import FoundLine, FoundPlan, LineRow
from portal.queries.refunds import ListedRefund
from portal.services import payment_settlement, refund_settlement

Id = Annotated[str, WithJsonSchema({"type": "string", "description": "Opaque."})]
Decimals = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"})]
Day = Annotated[str, WithJsonSchema({"type": "string", "format": "date"})]
Instant = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
PlanStatus = Literal[
    "offered", "active", "overdue", "completed", "declined", "revoked", "expired", "cancelled", "written_off"
]

MERCHANT_ID = "01980000-0000-7000-8000-000000000001"
CUSTOMER_ID = "01980000-0000-7000-8000-000000000002"
PLAN_ID = "01980000-0000-7000-8000-00000000000a"
INSTALLMENT_ID = "01980000-0000-7000-8000-0000000000a1"


def shown(example: Any, description: str | None = None) -> Any:
    """A field with its value in the worked example."""
    return Field(description=description, examples=[example])


class Answer(BaseModel):
    """Only for the description; the functions below write what is sent, which is quicker."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def example(cls, **changes: Any) -> dict[str, Any]:
        """The worked example: 25.00 of 100.00 in four installments; a list of answers holds one of each."""
        values: dict[str, Any] = {}
        for name, field in cls.model_fields.items():
            (values[name],) = field.examples or [[get_args(field.annotation)[0].example()]]
        return values | changes


class NewAccount(Answer):
    id: Id = shown(MERCHANT_ID)
    username: str = shown("corner-shop")
    email: str = shown("shop@example.com")
    role: Literal["merchant", "customer", "admin"] = shown("merchant")


class Membership(Answer):
    id: Id = shown(MERCHANT_ID)
    name: str = shown("Corner Shop")
    role: Literal["owner", "manager", "seller", "bookkeeper"] = shown("owner")


class Account(NewAccount):
    email_verified: bool = shown(False, "A link that was sent to the address was used.")
    merchants: list[Membership]


class Access(Answer):
    access: str = shown("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.access.signature", "Lasts 15 minutes.")


class Tokens(Access):
    refresh: str = shown(
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.refresh.signature",
        "Lasts one day; gets new access tokens at /api/token/refresh/.",
    )


class Installment(Answer):
    id: Id = shown(INSTALLMENT_ID)
    plan: Id = shown(PLAN_ID)
    number: int = shown(1)
    kind: Kind = shown("installment")
    amount: Decimals = shown("25.00")
    currency: str = shown("USD")
    due_date: Day = shown("2026-12-31")
    status: InstallmentStatus = shown("pending")
    processing: bool = shown(False, "A payment for it has no answer from the provider yet.")
    paid: Decimals = shown("0.00")
    cancelled: Decimals = shown("0.00")
    returned: Decimals = shown("0.00")
    reversed: Decimals = shown("0.00", "What turned out not to have come in of what was paid.")
    written_off: Decimals = shown("0.00", "What the shop has stopped collecting.")
    recovered: Decimals = shown("0.00", "What was received of it afterwards.")
    moved: Decimals = shown("0.00", "What was moved to other installments.")
    paid_before: Decimals = shown("0.00", "What was paid before the plan was brought over.")
    owed: Decimals = shown(
        "25.00",
        "What is left of the amount: less what was paid and stayed paid, cancelled, written off and moved.",
    )
    paid_at: Instant | None = shown(None)


CONTINUE = "Where the customer pays, if the shop's provider needs a page; null otherwise."


class BeingPaid(Installment):
    continue_url: str | None = shown(None, CONTINUE)


class Plan(Answer):
    id: Id = shown(PLAN_ID)
    merchant: Id = shown(MERCHANT_ID)
    customer: Id = shown(CUSTOMER_ID)
    customer_email: str = shown("ada@example.com")
    description: str = shown("Oak table")
    total_amount: Decimals = shown("100.00")
    currency: str = shown("USD")
    num_installments: int = shown(4, "Without the deposit.")
    frequency: Frequency = shown("monthly")
    deposit: Decimals | None = shown(None, "Due on the day of acceptance, as the first of the installments.")
    first_due: FirstDue = shown("date", "Whether the dates are fixed, or counted from the day of acceptance.")
    start_date: Day = shown("2026-12-31", "When the first installment is due, if it is accepted today.")
    last_day: Day = shown("2026-12-31", "The last day on which the offer can be accepted.")
    email_verified: bool | None = shown(
        None, "Whether the customer had proved the address when accepting; null before."
    )
    status: PlanStatus = shown(
        "offered", "The state, or overdue for an active plan of which something is late."
    )
    created_at: Instant = shown("2026-12-01T10:00:00Z")
    updated_at: Instant = shown("2026-12-01T10:00:00Z")
    installments: list[Installment]


class RefundLine(Answer):
    installment: Id = shown(INSTALLMENT_ID)
    cancelled: Decimals = shown("0.00")
    returned: Decimals = shown("5.00")


class Refund(Answer):
    id: Id = shown("01980000-0000-7000-8000-0000000000f1")
    plan: Id = shown(PLAN_ID)
    amount: Decimals = shown("80.00")
    currency: str = shown("USD")
    status: Literal["succeeded", "processing", "declined"] = shown("succeeded")
    cancelled: Decimals = shown("75.00")
    returned: Decimals = shown("5.00", "What goes back in cash; on its way while processing.")
    reason: str = shown("One chair was broken")
    created_at: Instant | None = shown("2026-12-30T09:30:00Z")
    installments: list[RefundLine]


class Allocation(Answer):
    installment: Id = shown(INSTALLMENT_ID)
    number: int = shown(1)
    amount: Decimals = shown("25.00")


class Payment(Answer):
    id: Id = shown("01980000-0000-7000-8000-0000000000e1")
    plan: Id = shown(PLAN_ID)
    receipt: str | None = shown("7KQ2MW4X-1", "Null until the payment has succeeded.")
    amount: Decimals = shown("25.00")
    currency: str = shown("USD")
    method: Method = shown("cash", "Card payments are made by the provider, the others recorded by the shop.")
    recovery: bool = shown(False, "It recovered what was written off, and paid nothing that was owed.")
    status: PaymentState = shown("succeeded")
    received_on: Day | None = shown("2026-12-30", "Null until the payment has succeeded.")
    created_at: Instant = shown("2026-12-30T09:30:00Z")
    reversed: Decimals = shown("0.00", "What turned out not to have come in.")
    allocations: list[Allocation]


class BegunPayment(Payment):
    continue_url: str | None = shown(None, CONTINUE)


class Move(Answer):
    id: Id = shown(INSTALLMENT_ID)
    number: int = shown(1)
    amount: Decimals = shown("25.00", "What is owed of it.")
    old_due_date: Day | None = shown("2026-12-31", "Null for a new installment.")
    due_date: Day | None = shown("2027-01-10", "Null where what is owed moves to new installments.")


class Amendment(Answer):
    number: int = shown(1, "Counts the amendments of a plan.")
    plan: Id = shown(PLAN_ID)
    proposed_by: Literal["shop", "customer"] = shown("shop")
    reason: str = shown("Wages come on the 9th")
    effect: Literal["better", "worse"] = shown(
        "better", "For the customer. Better: by the end of no day more has fallen due than before."
    )
    state: AmendmentState = shown("in_force")
    created_at: Instant = shown("2026-12-20T10:00:00Z")
    last_day: Day = shown("2026-12-30", "The last day to answer.")
    accepted_at: Instant | None = shown(None, "When the customer agreed to exactly these dates.")
    terms_hash: str = shown("0" * 64, "The SHA-256 of the terms with these dates.")
    installments: list[Move]


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


def account(person: Actor, shops: Iterable[team.Membership]) -> dict[str, Any]:
    return {
        "id": str(person.id),
        "username": person.username,
        "email": person.email,
        "role": person.role,
        "email_verified": person.email_verified,
        "merchants": [{"id": str(shop.id), "name": shop.name, "role": shop.role} for shop in shops],
    }


def plan(found: FoundPlan) -> dict[str, Any]:
    row = found.row
    return {
        "id": row.id,
        "merchant": row.merchant,
        "customer": row.customer,
        "customer_email": row.customer_email,
        "description": row.description,
        "total_amount": decimal_text(row.total, row.currency),
        "currency": row.currency,
        "num_installments": row.num_installments,
        "frequency": row.frequency,
        "deposit": None if row.deposit is None else decimal_text(row.deposit, row.currency),
        "first_due": row.first_due,
        "start_date": row.start_date,
        "last_day": row.last_day,
        "email_verified": row.email_verified,
        "status": found.status,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "installments": [installment(line) for line in found.lines],
    }


def installment(found: FoundLine) -> dict[str, Any]:
    """What an ended offer would have cost is not owed by anyone."""
    row, status, currency = found
    return {
        "id": row.id,
        "plan": row.plan,
        "number": row.number,
        "kind": row.kind,
        "amount": decimal_text(row.amount, currency),
        "currency": currency,
        "due_date": row.due_on,
        "status": status,
        "processing": row.processing,
        "paid": decimal_text(row.paid, currency),
        "cancelled": decimal_text(row.cancelled, currency),
        "returned": decimal_text(row.returned, currency),
        "reversed": decimal_text(row.reversed, currency),
        "written_off": decimal_text(row.written_off, currency),
        "recovered": decimal_text(row.recovered, currency),
        "moved": decimal_text(row.moved, currency),
        "paid_before": decimal_text(row.paid_before, currency),
        "owed": decimal_text(0 if status is InstallmentStatus.CANCELLED else row.owed, currency),
        "paid_at": row.paid_at,
    }


def paid_installment(answer: payment_settlement.Answer) -> dict[str, Any]:
    """The installment as its payment left it; a repeated request gets the same."""
    facts = {"reversed": 0, "written_off": 0, "paid_before": 0, "owed": 0} | (answer.installment or {})
    settled = facts["paid"] - facts["reversed"] + facts["paid_before"]
    row = LineRow(
        plan=facts["plan_id"],
        id=facts["id"],
        number=facts["number"],
        amount=facts["amount"],
        paid=facts["paid"],
        cancelled=facts["cancelled"],
        returned=facts["returned"],
        reversed=facts["reversed"],
        written_off=facts["written_off"],
        recovered=0,
        moved=facts["amount"] - settled - facts["cancelled"] - facts["written_off"] - facts["owed"],
        paid_before=facts["paid_before"],
        owed=facts["owed"],
        due_on=date.fromisoformat(facts["due_on"]),
        paid_at=datetime.fromisoformat(facts["paid_at"]),
        processing=False,
        late_on=None,
        is_deposit=facts.get("kind") == Kind.DEPOSIT,
    )
    return installment(FoundLine(row, InstallmentStatus.PAID, answer.currency))


def refund(answer: refund_settlement.Answer | ListedRefund) -> dict[str, Any]:
    """What was asked to be cancelled and returned, per installment in the order in which it is done."""
    lines: dict[str, tuple[int, int]] = {}
    for installment_id, amount in answer.split["cancelled"]:
        lines[installment_id] = (amount, 0)
    for _payment, installment_id, amount in answer.split["returned"]:
        cancelled, returned = lines.get(installment_id, (0, 0))
        lines[installment_id] = (cancelled, returned + amount)
    currency, declined = answer.currency, answer.status == "declined"
    return {
        "id": answer.refund_id,
        "plan": answer.plan_id,
        "amount": decimal_text(answer.amount, currency),
        "currency": currency,
        "status": answer.status,
        "cancelled": decimal_text(answer.cancelled, currency),
        "returned": decimal_text(answer.returned if declined else answer.to_return, currency),
        "reason": answer.reason,
        "created_at": datetime.fromisoformat(answer.created_at) if answer.created_at else None,
        "installments": [
            {"installment": i, "cancelled": decimal_text(c, currency), "returned": decimal_text(r, currency)}
            for i, (c, r) in lines.items()
        ],
    }


def payment(view: ListedPayment) -> dict[str, Any]:
    """A payment, with what it pays or paid of which installments."""
    return {
        "id": view.id,
        "plan": view.plan_id,
        "receipt": view.receipt,
        "amount": decimal_text(view.amount, view.currency),
        "currency": view.currency,
        "method": view.method,
        "recovery": view.recovery,
        "status": view.state,
        "received_on": view.received_on,
        "created_at": view.created_at,
        "reversed": decimal_text(view.reversed, view.currency),
        "allocations": [
            {
                "installment": part.installment_id,
                "number": part.number,
                "amount": decimal_text(part.amount, view.currency),
            }
            for part in view.allocations
        ],
    }


def amendment(view: AmendmentView, plan_id: UUID, currency: str) -> dict[str, Any]:
    return {
        "number": view.number,
        "plan": plan_id,
        "proposed_by": "customer" if view.by_customer else "shop",
        "reason": view.reason,
        "effect": view.effect,
        "state": view.state,
        "created_at": view.proposed_at,
        "last_day": view.last_day,
        "accepted_at": view.accepted_at,
        "terms_hash": view.terms_hash,
        "installments": [
            {
                "id": move.installment_id,
                "number": move.number,
                "amount": decimal_text(move.owed, currency),
                "old_due_date": move.old,
                "due_date": move.new,
            }
            for move in view.moves
        ],
    }
