"""Plans and installments as faces show them: frozen, with statuses of today; loaded in two statements however many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, String, and_, bindparam, cast, func, literal, select
from sqlalchemy.orm import Session

from portal.core.amendments import AmendmentState
from portal.core.calendar import business_date
from portal.core.schedule import FirstDue, Frequency, Kind, due_if_accepted
from portal.core.states import InstallmentStatus, PlanState, installment_status, shown_state
from portal.core.terms import hash_text, written_out
from portal.models import Acceptance, Amendment, Customer, Installment, Merchant, Plan, User


class InstallmentView(NamedTuple):
    """An installment today; amounts in minor units. ``processing``: a payment for it has no answer yet. ``settled`` was
    paid and has stayed paid, returned or not.

    A tuple, since lists hold hundreds, and it is made much quicker than a frozen dataclass.
    """

    id: UUID
    plan_id: UUID
    number: int
    amount: int
    paid: int
    reversed: int
    cancelled: int
    returned: int
    written_off: int
    recovered: int
    owed: int
    due_on: date
    paid_on: date | None
    paid_at: datetime | None
    status: InstallmentStatus
    processing: bool
    settled: int
    is_deposit: bool = False

    @property
    def kind(self) -> Kind:
        return Kind.DEPOSIT if self.is_deposit else Kind.INSTALLMENT

    @property
    def lost(self) -> int:
        """What was written off and is not recovered."""
        return self.written_off - self.recovered

    @property
    def paid_before(self) -> int:
        """What was paid before the plan was brought over."""
        return self.settled - self.paid + self.reversed

    @property
    def moved(self) -> int:
        """What a re-spread moved to other installments."""
        return self.amount - self.settled - self.cancelled - self.written_off - self.owed


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan today, with its parties and its installments in order; amounts in minor units.

    Dates that follow the acceptance, and the ``terms``, are those of an acceptance today while the offer is open.
    ``terms_hash`` is that of the accepted terms, once there are any.
    ``state`` already counts an offer past its last day as expired; ``today`` is the date
    in the zone of its terms, which also name the shop and its address for support. ``customer_at_shop`` is the id
    by which the shop knows the customer; ``customer_id`` is for the customer and admins only. Its dates were moved
    ``times_moved`` times.
    """

    id: UUID
    reference: str
    merchant_id: UUID
    merchant_name: str
    support_email: str
    timezone: str
    customer_id: UUID
    customer_at_shop: UUID
    customer_name: str
    customer_email: str
    customer_deactivated: bool
    shop_suspended: bool
    provider: str
    description: str
    total: int
    currency: str
    num_installments: int
    frequency: str
    start_date: date
    deposit: int | None
    first_due: FirstDue
    state: PlanState
    terms: str
    terms_hash: str
    last_day: date
    accepted_on: date | None
    created_at: datetime
    updated_at: datetime
    times_moved: int
    today: date
    installments: tuple[InstallmentView, ...]

    @property
    def overdue(self) -> bool:
        return any(i.status is InstallmentStatus.LATE for i in self.installments)

    @property
    def status(self) -> str:
        """The state, or ``overdue`` for an active plan of which something is late."""
        return "overdue" if self.overdue else str(self.state)

    @property
    def paid(self) -> int:
        return sum(i.settled for i in self.installments)

    @property
    def owed(self) -> int:
        """What the customer owes by agreement: nothing unless the plan is active."""
        return sum(i.owed for i in self.installments) if self.state is PlanState.ACTIVE else 0

    @property
    def refundable(self) -> int:
        """The most that can be refunded: what is owed, and what was paid and not returned."""
        return self.owed + sum(i.paid - i.reversed - i.returned for i in self.installments)

    @property
    def overdue_amount(self) -> int:
        return sum(i.owed for i in self.installments if i.status is InstallmentStatus.LATE)

    @property
    def written_off(self) -> int:
        return sum(i.written_off for i in self.installments)

    @property
    def recovered(self) -> int:
        return sum(i.recovered for i in self.installments)

    @property
    def lost(self) -> int:
        """What was written off and is not recovered."""
        return self.written_off - self.recovered

    @property
    def recordable(self) -> int:
        """The most that the shop can record: what is owed, or once nothing is what is not recovered."""
        return self.owed or self.lost

    @property
    def recovers(self) -> bool:
        """Whether money that comes in now is a recovery."""
        return not self.owed and self.lost > 0

    @property
    def paid_count(self) -> int:
        return sum(i.status is InstallmentStatus.PAID for i in self.installments)

    @property
    def count(self) -> int:
        """How many installments count for progress: those that were cancelled or moved away are left out."""
        gone = (InstallmentStatus.CANCELLED, InstallmentStatus.MOVED)
        return sum(i.status not in gone for i in self.installments)

    @property
    def next_due(self) -> InstallmentView | None:
        """The owed installment that is due first, if any."""
        return next((i for i in self.installments if i.owed and self.state is PlanState.ACTIVE), None)

    @property
    def processing(self) -> bool:
        return self.waiting > 0

    @property
    def waiting(self) -> int:
        """How many installments wait for the payment provider's answer."""
        return sum(i.processing for i in self.installments)


# Whether an installment, joined with its plan, is the deposit.
IS_DEPOSIT = and_(Plan.deposit.is_not(None), Installment.number == 1).label("is_deposit")
_TIMES_MOVED = (
    select(func.count())
    .where(
        Amendment.merchant_id == Plan.merchant_id,
        Amendment.plan_id == Plan.id,
        Amendment.state == AmendmentState.IN_FORCE,
    )
    .correlate(Plan)
    .scalar_subquery()
)
# Columns and not entities: nothing here is changed, and a list may hold hundreds of rows.
_PARTIES = (
    User.name.label("customer"),
    User.deactivated_at.is_not(None).label("customer_deactivated"),
    Customer.id.label("customer_at_shop"),
    Merchant.suspended_at.is_not(None).label("shop_suspended"),
    Merchant.provider.label("provider"),
    Acceptance.terms_hash.label("agreed_hash"),
    _TIMES_MOVED.label("times_moved"),
)
# The plan's id is compared as text: making a UUID of it for each line would take longest of all.
_PLAN = cast(Plan.id, String).label("key")
# Columns of the table, not mapped ones, whose rows cost more.
_I = Installment.__table__.c
LINE = (
    _I.id,
    _I.number,
    _I.amount,
    _I.paid,
    _I.reversed,
    _I.cancelled,
    _I.returned,
    _I.written_off,
    _I.recovered,
    _I.owed,
    _I.paid_before,
    _I.due_on,
    _I.late_on,
    _I.paid_on,
    _I.paid_at,
    Installment.processing.label("processing"),
)
# Built once: building a statement takes longer than running it.
_LINES = (
    select(cast(_I.plan_id, String).label("key"), *LINE)
    .where(
        _I.merchant_id.in_(bindparam("merchants", expanding=True)),
        _I.plan_id.in_(bindparam("plans", expanding=True)),
    )
    .order_by(_I.number)
)


def load_plans(session: Session, query: Select[Any], now: datetime) -> list[PlanView]:
    """The plans that ``query`` (a select of ``Plan``) finds, in its order."""
    return load_plan_views(session, with_view_columns(query), {}, now)


def with_view_columns(query: Select[Any], *, terms: bool = True) -> Select[Any]:
    """The query with all that a plan's view is made from; perhaps without the long text of its terms."""
    columns = [
        c if terms or c.name != "terms" else literal("").label("terms") for c in Plan.__table__.columns
    ]
    return (
        query.join(Merchant, Merchant.id == Plan.merchant_id)
        .join(User, User.id == Plan.customer_id)
        .outerjoin(Customer, (Customer.merchant_id == Plan.merchant_id) & (Customer.user_id == User.id))
        .outerjoin(Acceptance, (Acceptance.merchant_id == Plan.merchant_id) & (Acceptance.plan_id == Plan.id))
        .with_only_columns(_PLAN, *columns, *_PARTIES)
    )


def load_plan_views(
    session: Session, statement: Select[Any], values: dict[str, Any], now: datetime
) -> list[PlanView]:
    """The plans that a statement made by ``with_view_columns`` finds with these values, in its order."""
    return plan_views(session, session.execute(statement, values).all(), now)


def plan_views(session: Session, found: Sequence[Any], now: datetime) -> list[PlanView]:
    """The views of plans that were found with the columns of ``with_view_columns``: one statement for their lines."""
    if not found:
        return []
    lines: dict[str, list[Any]] = {plan.key: [] for plan in found}
    params = {"merchants": list({plan.merchant_id for plan in found}), "plans": [plan.id for plan in found]}
    for line in session.execute(_LINES, params):
        lines[line[0]].append(line[1:])
    return [_plan_view(plan, lines[plan.key], now) for plan in found]


def _plan_view(plan: Any, lines: list[Any], now: datetime) -> PlanView:
    today = business_date(now, plan.timezone)
    state = shown_state(PlanState(plan.state), plan.last_day, today)
    view = PlanView(
        id=plan.id,
        reference=plan.reference,
        merchant_id=plan.merchant_id,
        merchant_name=plan.shop_name,
        support_email=plan.support_email,
        timezone=plan.timezone,
        customer_id=plan.customer_id,
        customer_at_shop=plan.customer_at_shop,
        customer_name=plan.customer,
        customer_email=plan.customer_email,
        customer_deactivated=plan.customer_deactivated,
        shop_suspended=plan.shop_suspended,
        provider=plan.provider,
        description=plan.description,
        total=plan.total,
        currency=plan.currency,
        num_installments=plan.num_installments,
        frequency=plan.frequency,
        start_date=plan.start_date,
        deposit=plan.deposit,
        first_due=FirstDue(plan.first_due),
        state=state,
        terms=plan.terms,
        terms_hash=plan.agreed_hash or plan.terms_hash,
        last_day=plan.last_day,
        accepted_on=plan.accepted_on,
        created_at=plan.created_at,
        updated_at=plan.updated_at,
        times_moved=plan.times_moved,
        today=today,
        installments=tuple([installment_view(line, plan.id, state, today) for line in lines]),
    )
    if plan.deposit is None and plan.first_due == FirstDue.DATE:
        return view
    return _counted(view, counted_from(plan, state, today))


def _counted(view: PlanView, day: date) -> PlanView:
    """A plan with a deposit, or with dates from the acceptance, as it is shown counted from ``day``."""
    terms = written_out(view.terms, day) if view.terms else ""
    return replace(
        view,
        installments=tuple([following(line, view, day) for line in view.installments]),
        start_date=start_shown(view, day),
        terms=terms,
        terms_hash=hash_text(terms) if terms else view.terms_hash,
    )


def counted_from(plan: Any, state: PlanState, today: date) -> date:
    """The day from which dates that follow the acceptance are shown: that of acceptance, else today, or for an offer
    that ended the day on which it was sent."""
    if plan.accepted_on:
        return plan.accepted_on
    return today if state is PlanState.OFFERED else business_date(plan.created_at, plan.timezone)


def start_shown(plan: Any, day: date) -> date:
    """When the first installment after a deposit is due, counted from ``day`` where the dates follow the acceptance."""
    if plan.first_due != FirstDue.ACCEPTANCE:
        start: date = plan.start_date
        return start
    return due_if_accepted(1 if plan.deposit is None else 2, Frequency(plan.frequency), day)


def following(line: Any, plan: Any, day: date) -> Any:
    """A line of a plan with a deposit, or with dates from the acceptance, as it is shown counted from ``day``."""
    is_deposit = plan.deposit is not None and line.number == 1
    if plan.accepted_on or not (is_deposit or plan.first_due == FirstDue.ACCEPTANCE):
        return line._replace(is_deposit=is_deposit)
    due_on = due_if_accepted(line.number, Frequency(plan.frequency), day)
    return line._replace(is_deposit=is_deposit, due_on=due_on)


def installment_view(line: Any, plan_id: UUID, state: PlanState, today: date) -> InstallmentView:
    """An installment of a plan in this state; ``line`` begins with the columns of ``LINE``."""
    id_, number, amount, paid, reversed_, cancelled, returned, written_off, recovered, *rest = line[:16]
    owed, paid_before, due_on, late_on, paid_on, paid_at, processing = rest
    settled = paid - reversed_ + paid_before
    moved = amount - settled - cancelled - written_off - owed
    status = installment_status(state, owed, settled, written_off, due_on, late_on, today, moved)
    sums = (amount, paid, reversed_, cancelled, returned, written_off, recovered, owed)
    return InstallmentView(id_, plan_id, number, *sums, due_on, paid_on, paid_at, status, processing, settled)
