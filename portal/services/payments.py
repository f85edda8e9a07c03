"""Pay in three units of work (intent, provider call, settlement), exactly once and for exactly the amount shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, bindparam, select, update
from sqlalchemy.orm import Session

from portal.adapters.payments import (
    Account,
    Charge,
    Gateway,
    GoTo,
    Outcome,
    ProviderUnavailable,
    SavedCard,
    call_provider,
)
from portal.core.calendar import business_date
from portal.core.errors import N_, Busy, Conflict, NotFound
from portal.core.money import decimal_text
from portal.core.payments import PAGE_OPEN_FOR, Method, check_part, spread
from portal.core.roles import Actor, Origin
from portal.core.states import REFUSALS, InstallmentStatus, PaymentState, PlanState, installment_status
from portal.models import IdempotencyKey, Installment, Merchant, Payment, Plan, ProviderKey, User, new_id
from portal.statements import Reading

from . import idempotency, late_payments, ledger, offers
from .charges import CHARGES, account_of, charge_of, page_text
from .payment_settlement import Answer, settle
from .plans import installments_of, lock, refuse_shop
from .transaction import insert_rows, unit_of_work


class Scope(StrEnum):
    INSTALLMENT = "installment"
    OVERDUE = "overdue"
    ALL = "all"
    AMOUNT = "amount"


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What a customer asks to pay, and the amount in minor units that was shown beside the button.

    Without an amount (over the API) whatever is owed is paid; without a plan it is that of the installment.
    ``part`` is the amount that the customer chose (``Scope.AMOUNT``): it pays what is due first, then forwards, and
    ``expected_amount`` is then all that was shown as owed.
    """

    plan_id: UUID | None
    scope: Scope
    expected_amount: int | None
    installment_id: UUID | None = None
    part: int | None = None


def pay(
    session: Session,
    gateway: Gateway,
    customer: Actor,
    request: PaymentRequest,
    key: str | None,
    now: datetime,
    origin: Origin | None = None,
) -> Answer:
    """Pay what the request covers with the customer's card, exactly once per key.

    With an ``origin`` (over the API) paying an open offer accepts it, together with the intent: if the payment is then
    declined, the plan is active and unpaid. Runs three units of work: the intent is committed before the provider is
    called, and the answer after. Raises ``NotFound``, ``Conflict`` (with the new figure if another amount is owed),
    ``InvalidInput`` at ``amount`` for a part that cannot be paid, ``KeyReused``.
    """
    with unit_of_work(session):
        begun = intend(session, customer, request, key, now, origin)
    if isinstance(begun, Answer):
        return begun
    return begin(session, gateway, *begun, now)


def begin(
    session: Session, gateway: Gateway, merchant_id: UUID, plan_id: UUID, charge: Charge, now: datetime
) -> Answer:
    """Have the provider take the money, or open its page; ``continue`` with its ``url`` then. Safe to repeat."""
    try:
        there = call_provider(gateway.begin, charge)
        if not isinstance(there, GoTo):
            ids = (merchant_id, plan_id, charge.reference)
            answer = settle(session, *ids, there.outcome, now, code=there.code, page=there.page)
            if there.outcome is Outcome.SUCCEEDED and answer.status != "paid":
                _give_back(session, gateway, merchant_id, charge, there.page, now)
            return answer
        if charge.page is None and not _note_page(session, merchant_id, charge.reference, there.page):
            outcome = call_provider(gateway.expire, replace(charge, page=there.page))
            return settle(session, merchant_id, plan_id, charge.reference, outcome, now)
        about = (charge.reference, plan_id, charge.amount, charge.currency)
        return Answer("continue", *about, url=there.url)
    except (ProviderUnavailable, Busy):
        # The settling job finishes the payment.
        return Answer("processing", charge.reference, plan_id, charge.amount, charge.currency)


def preview(session: Session, customer: Actor, request: PaymentRequest, now: datetime) -> dict[UUID, int]:
    """What paying would pay of which installments now, in minor units by their ids; writes nothing.

    Raises ``NotFound``, ``Conflict``, ``InvalidInput`` at ``amount`` as paying would.
    """
    found = _find(session, customer, request)
    plan = session.get_one(Plan, (found.merchant_id, found.id))
    if plan.state != PlanState.ACTIVE:
        raise Conflict(REFUSALS[PlanState(plan.state)], code=f"plan_{plan.state}")
    today = business_date(now, plan.timezone)
    return _allocations(installments_of(session, plan), request, plan.currency, today)


def intend(
    session: Session,
    customer: Actor,
    request: PaymentRequest,
    key: str | None,
    now: datetime,
    origin: Origin | None,
) -> Answer | tuple[UUID, UUID, Charge]:
    """The first step, in the caller's unit of work: the payment with what it covers, or its key's answer."""
    found = _find(session, customer, request)
    merchant_id, plan_id = found.merchant_id, found.id
    request = replace(request, plan_id=plan_id)
    plan, today = lock(session, merchant_id, plan_id, now)
    payment_id = new_id()
    if key is not None:
        seen = idempotency.claim(
            session, plan.merchant_id, customer.id, key, request, now, payment_id=payment_id
        )
        if seen:
            return _replay(session, seen, plan)
    account = find_account(found)
    if plan.state == PlanState.OFFERED and origin:
        offers.activate(session, plan, customer, origin, "first payment", now, today)
    if plan.state != PlanState.ACTIVE:
        raise Conflict(REFUSALS[PlanState(plan.state)], code=f"plan_{plan.state}")
    allocated = _allocations(installments_of(session, plan), request, plan.currency, today)
    return merchant_id, plan_id, write_payment(session, plan, payment_id, allocated, found, account, now)


def write_payment(
    session: Session,
    plan: Plan,
    payment_id: UUID,
    allocated: dict[UUID, int],
    found: Row[*tuple[Any, ...]],
    account: Account | None,
    now: datetime,
    saved: SavedCard | None = None,
) -> Charge:
    """The payment with its allocations, and what the provider is asked; the simulator by the customer's test card.

    Without a ``saved`` card a real provider opens a page, which is open for a while.
    """
    card, amount = None if account else found.test_card, sum(allocated.values())
    payment = {
        "merchant_id": plan.merchant_id,
        "id": payment_id,
        "plan_id": plan.id,
        "customer_id": plan.customer_id,
        "amount": amount,
        "currency": plan.currency,
        "method": Method.PROVIDER,
        "provider": found.provider,
        "test_card": card,
        "expires_at": now + PAGE_OPEN_FOR if account and not saved else None,
        "state": PaymentState.PROCESSING,
        "created_at": now,
    }
    insert_rows(session, Payment, [payment])
    ledger.allocate(session, plan, payment_id, allocated)
    text = page_text(plan.description, plan.reference)
    return Charge(payment_id, amount, plan.currency, card, account, None, now, text, found.email, saved)


def find_account(found: Row[*tuple[Any, ...]]) -> Account | None:
    """The shop's, None with the simulator. Raises ``Conflict`` for a shop that has removed its key."""
    account = account_of(found.provider, found.sealed_key)
    if account and account.sealed_key is None:
        raise Conflict(
            N_("This shop takes no card payments at the moment. Ask the shop how to pay."), code="no_provider"
        )
    return account


def _find(session: Session, customer: Actor, request: PaymentRequest) -> Row[*tuple[Any, ...]]:
    """Whose plan it is, which, and what pays. Raises ``NotFound`` unless the plan is the customer's."""
    query, wanted = (
        (_OF_PLAN, request.plan_id) if request.plan_id else (_OF_INSTALLMENT, request.installment_id)
    )
    for found in query.named(session, customer=customer.id, wanted=wanted):
        return found
    raise not_found(session, customer, request)


def not_found(session: Session, person: Actor, request: PaymentRequest) -> NotFound:
    """What to raise for a request about another's plan. Raises ``Forbidden`` for one of the shop they work for."""
    of_installment = select(Installment.plan_id).where(Installment.id == request.installment_id)
    plan_id = request.plan_id or session.scalars(of_installment).one_or_none()
    if plan_id:
        refuse_shop(session, person, plan_id)
    return NotFound()


_OWN = (
    select(Plan.merchant_id, Plan.id, User.test_card, User.email, Merchant.provider, ProviderKey.sealed_key)
    .join(User, User.id == Plan.customer_id)
    .join(Merchant, Merchant.id == Plan.merchant_id)
    .outerjoin(
        ProviderKey,
        and_(ProviderKey.merchant_id == Plan.merchant_id, ProviderKey.provider == Merchant.provider),
    )
    .where(Plan.customer_id == bindparam("customer"))
)
_OF_PLAN = Reading(_OWN.where(Plan.id == bindparam("wanted")))
_OF_INSTALLMENT = Reading(
    _OWN.join(
        Installment, and_(Installment.merchant_id == Plan.merchant_id, Installment.plan_id == Plan.id)
    ).where(Installment.id == bindparam("wanted"))
)


def _give_back(
    session: Session, gateway: Gateway, merchant_id: UUID, charge: Charge, page: str | None, now: datetime
) -> None:
    """Return what was taken so late that the payment had ended; ``page`` is the provider's name of it."""
    ours = CHARGES.where(Payment.merchant_id == merchant_id, Payment.id == charge.reference)
    row = session.execute(ours).one()
    session.rollback()
    late_payments.give_back(session, gateway, row, page, now)


def _note_page(session: Session, merchant_id: UUID, payment_id: UUID, page: str) -> bool:
    """Keep the provider's name of the page that was opened; False if the payment has ended meanwhile."""
    with unit_of_work(session):
        ours = {"merchant": merchant_id, "payment": payment_id, "page": page}
        return session.scalars(_OPENED, ours).first() is not None


_OPENED = (
    update(Payment)
    .where(
        Payment.merchant_id == bindparam("merchant"),
        Payment.id == bindparam("payment"),
        Payment.state == PaymentState.PROCESSING,
    )
    .values(provider_reference=bindparam("page"))
    .returning(Payment.id)
    .execution_options(synchronize_session=False)
)


def _allocations(
    installments: Sequence[Installment], request: PaymentRequest, currency: str, today: date
) -> dict[UUID, int]:
    """What the request pays of which installments, in minor units; none of them is being processed."""
    covered = _covered(installments, request, today)
    owed = sum(i.owed for i in covered)
    if request.expected_amount is not None and owed != request.expected_amount:
        message = N_("The amount owed has changed. You can pay %(most)s here. Check it and pay again.")
        raise Conflict(message, code="other_amount", figure=owed, most=decimal_text(owed, currency))
    if request.part is not None:
        check_part(request.part, owed, currency)
    allocated = spread(covered, owed if request.part is None else request.part)
    _refuse_processing(i for i in covered if i.id in allocated)
    return allocated


def _refuse_processing(installments: Iterable[Installment]) -> None:
    if any(i.processing for i in installments):
        raise Conflict(
            N_("This payment is already being processed. Nothing was charged again."), code="processing"
        )


def _covered(installments: Sequence[Installment], request: PaymentRequest, today: date) -> list[Installment]:
    """The installments that the request may pay, each owed; else ``Conflict`` or ``NotFound``."""
    if request.scope is Scope.INSTALLMENT:
        covered = [i for i in installments if i.id == request.installment_id]
        if not covered:
            raise NotFound()
    else:
        covered = [i for i in installments if i.owed]
    if request.scope is Scope.OVERDUE:
        covered = [i for i in covered if _status(i, today) is InstallmentStatus.LATE]
    if request.scope is not Scope.AMOUNT:
        _refuse_processing(covered)
    if not covered or any(not i.owed for i in covered):
        paid = not covered or covered[0].settled
        message = (
            N_("This was already paid. Nothing was charged again.") if paid else N_("This was cancelled.")
        )
        raise Conflict(message, code="already_paid" if paid else "cancelled")
    return covered


def _status(i: Installment, today: date) -> InstallmentStatus:
    sums = i.owed, i.settled, i.written_off
    return installment_status(PlanState.ACTIVE, *sums, i.due_on, i.late_on, today, i.moved)


def _replay(session: Session, seen: IdempotencyKey, plan: Plan) -> Answer | tuple[UUID, UUID, Charge]:
    """The answer that this key got; while there is none ``processing``, or the charge whose page is open."""
    if seen.answer is not None:
        return Answer.restored(seen.answer)
    ours = CHARGES.where(Payment.merchant_id == plan.merchant_id, Payment.id == seen.payment_id)
    row = session.execute(ours).one()
    if row.expires_at is not None:
        return plan.merchant_id, plan.id, charge_of(row)
    return Answer("processing", row.id, plan.id, row.amount, plan.currency)
