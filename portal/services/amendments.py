"""Amendments: one side proposes new dates, the other answers; what is better for the customer is in force at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from portal.core import amendments as rules
from portal.core import terms
from portal.core.amendments import AmendmentState, Effect, Move
from portal.core.calendar import business_date
from portal.core.errors import N_, Conflict, Forbidden, NotFound, collecting
from portal.core.payments import REASON_LONGEST
from portal.core.roles import Actor, Origin, Permission
from portal.core.states import REFUSALS, PlanState
from portal.core.text import clean_line
from portal.models import Acceptance, Amendment, AmendmentLine, Plan, new_id

from . import amendments_at_once, due_dates, events, open_amendments, spreading, verification
from .notifications import queue_email
from .offers import EXPIRE_BATCH
from .plans import installments_of, lock, refuse_while_processing, with_contact
from .transaction import insert_rows


@dataclass(frozen=True, slots=True)
class Proposal:
    """New due dates for installments of a plan, in the order in which they were asked for, and why.

    With ``spread``, amounts in minor units and days, all that is owed moves to new installments instead.
    """

    plan_id: UUID
    dates: tuple[tuple[UUID, date], ...]
    reason: str = ""
    spread: tuple[tuple[int, date], ...] | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a proposal would move; if it is worse for the customer, from which day on, by how many minor units; and
    whether it would be in force at once."""

    moves: tuple[Move, ...]
    worse_from: rules.Due | None
    at_once: bool


@dataclass(frozen=True, slots=True)
class _Case:
    """A locked plan, the date in its zone, who acts on it and for which side, and who gets the shop's emails."""

    plan: Plan
    today: date
    now: datetime
    actor: Actor
    by_customer: bool
    contact: UUID


def preview(session: Session, actor: Actor, proposal: Proposal, now: datetime) -> Preview:
    """What ``propose`` would do now; writes nothing. Raises as ``propose`` does."""
    merchant_id, by_customer = _party(session, actor, proposal.plan_id)
    plan = session.get_one(Plan, (merchant_id, proposal.plan_id))
    today = business_date(now, plan.timezone)
    moves = _work_out(session, plan, proposal, today)
    worse = rules.worse_from(moves)
    return Preview(moves, worse, amendments_at_once.applies_at_once(session, plan, by_customer, moves, today))


def propose(session: Session, actor: Actor, proposal: Proposal, origin: Origin, now: datetime) -> int:
    """Propose new dates to the other side, and return the number of the amendment.

    What the shop proposes and is better for the customer is in force at once, and so is the one move of the next date
    that the shop allows. What else the customer asks for is accepted by asking, and in force when the shop agrees.
    Raises ``InvalidInput`` at ``installments``, their ``due_date`` or ``reason``; ``Conflict`` for a plan that is not
    active, has an open amendment or money in processing; ``Forbidden``, ``NotFound``.
    """
    case = _lock(session, actor, proposal.plan_id, now)
    _expire_on(session, case.plan, case.today, now)
    moves, reason = _check(session, case, proposal)
    at_once = amendments_at_once.applies_at_once(session, case.plan, case.by_customer, moves, case.today)
    amendment = _write(session, case, moves, reason, origin)
    if at_once:
        _put_in_force(session, case, amendment)
    else:
        _notify(session, case, amendment, "amendment_proposed")
    return amendment.number


def _check(session: Session, case: _Case, proposal: Proposal) -> tuple[tuple[Move, ...], str]:
    """What the proposal moves, and the reason as it is stored. Names every field at fault at once."""
    moves: tuple[Move, ...] = ()
    reason = ""
    with collecting() as faults:
        with faults.caught():
            reason = clean_line(proposal.reason, "reason", longest=REASON_LONGEST, required=False)
        try:
            with faults.caught():
                moves = _work_out(session, case.plan, proposal, case.today)
        except Conflict:
            if not faults.errors:
                raise
    return moves, reason


def accept(
    session: Session,
    actor: Actor,
    plan_id: UUID,
    number: int,
    terms_hash: str | None,
    origin: Origin,
    now: datetime,
) -> AmendmentState:
    """Agree to what the other side proposed, to exactly the terms whose hash was shown; returns the state it is in.

    It is withdrawn instead if an installment of it was settled meanwhile. Raises ``Conflict`` for other terms and one
    that is not open, ``Forbidden`` for one's own proposal or an address that is not verified; ``NotFound``.
    """
    case = _lock(session, actor, plan_id, now)
    amendment = _open(session, case, number)
    if terms_hash is not None and terms_hash != amendment.terms_hash:
        raise Conflict(N_("These are other terms than were proposed. Read them again."), code="other_terms")
    lines = installments_of(session, case.plan)
    refuse_while_processing(session, case.plan, lines)
    if not rules.still_hold(_moves(amendment), lines):
        _end(session, case, amendment, AmendmentState.WITHDRAWN)
        return AmendmentState.WITHDRAWN
    if case.by_customer:
        _keep_evidence(amendment, case, origin)
    _put_in_force(session, case, amendment)
    return AmendmentState.IN_FORCE


def decline(session: Session, actor: Actor, plan_id: UUID, number: int, now: datetime) -> None:
    """Decline what the other side proposed; the dates stay. Raises as ``accept`` does."""
    case = _lock(session, actor, plan_id, now)
    _end(session, case, _open(session, case, number), AmendmentState.DECLINED)


def withdraw(session: Session, actor: Actor, plan_id: UUID, number: int, now: datetime) -> None:
    """Withdraw one's own proposal before it is answered. Raises as ``accept`` does."""
    case = _lock(session, actor, plan_id, now)
    _end(session, case, _open(session, case, number, own=True), AmendmentState.WITHDRAWN)


def keep_old_dates(
    session: Session, customer: Actor, plan_id: UUID, number: int, origin: Origin, now: datetime
) -> int:
    """Go back to the dates before the shop's last change, to which the customer was not asked to agree.

    Returns the number of the amendment that does it. Raises ``Conflict`` after seven days, once something of it was
    settled, or changed again; ``Forbidden`` for anybody but the customer.
    """
    case = _lock(session, customer, plan_id, now)
    if not case.by_customer:
        raise Forbidden(N_("Only the customer of a plan can do this."))
    changed = _get(session, case.plan, number)
    state = AmendmentState(changed.state)
    can_keep = rules.can_keep_old_dates(state, changed.proposed_at, changed.accepted_at, now)
    if not can_keep or number != _last_number(session, case.plan):
        raise Conflict(rules.TOO_LATE_TO_KEEP, code="amendment_old")
    proposal = Proposal(plan_id, *rules.back(_moves(changed), installments_of(session, case.plan)))
    moves = _work_out(session, case.plan, proposal, case.today, past=True)
    amendment = _write(session, case, moves, "", origin)
    _put_in_force(session, case, amendment)
    return amendment.number


def expire(
    session: Session, merchant_id: UUID, zone: str, today: date, now: datetime, batch: int = EXPIRE_BATCH
) -> int:
    """End what nobody has answered by its last day, on plans of this time zone; returns how many, at most ``batch``."""
    over = (
        select(Plan, Amendment)
        .join(Amendment, and_(Amendment.merchant_id == Plan.merchant_id, Amendment.plan_id == Plan.id))
        .where(
            Amendment.merchant_id == merchant_id,
            open_amendments.OPEN,
            Amendment.last_day < today,
            Plan.timezone == zone,
        )
        .order_by(Amendment.id)
        .limit(batch)
        .options(with_contact)
        .with_for_update(key_share=True, of=Plan)
        .execution_options(populate_existing=True)
    )
    found = session.execute(over).all()
    for plan, amendment in found:
        _expire(session, plan, amendment, now)
    return len(found)


def _expire(session: Session, plan: Plan, amendment: Amendment, now: datetime) -> None:
    """The side that proposed it gets an email."""
    contact = plan.shop_contact
    open_amendments.end(session, plan, amendment, AmendmentState.EXPIRED, now)
    kind, to = (
        ("amendment_expired", plan.customer_id)
        if amendment.by_customer
        else ("amendment_expired_shop", contact)
    )
    queue_email(session, plan, kind, to, now, cause=amendment.id, **open_amendments.email_facts(amendment))


def _lock(session: Session, actor: Actor, plan_id: UUID, now: datetime) -> _Case:
    """Raises as ``_party`` does."""
    merchant_id, by_customer = _party(session, actor, plan_id)
    plan, today = lock(session, merchant_id, plan_id, now)
    return _Case(plan, today, now, actor, by_customer, plan.shop_contact)


def _party(session: Session, actor: Actor, plan_id: UUID) -> tuple[UUID, bool]:
    """Whose plan it is, and whether the actor is its customer, or else a member of the shop who may change dates.

    Raises ``NotFound``, and ``Forbidden`` for other members and an address that is not verified.
    """
    parties = or_(Plan.customer_id == actor.id, Plan.merchant_id == actor.member_of)
    found = session.execute(
        select(Plan.merchant_id, Plan.customer_id).where(Plan.id == plan_id, parties)
    ).one_or_none()
    if found is None:
        raise NotFound()
    by_customer = found.customer_id == actor.id
    if by_customer:
        verification.require_verified(actor)
    elif not actor.may(Permission.AMEND):
        raise Forbidden(N_("Your role in this shop does not allow this. Ask the shop's owner."))
    return found.merchant_id, by_customer


def _expire_on(session: Session, plan: Plan, today: date, now: datetime) -> None:
    """End what nobody has answered in time on the locked plan, before the daily job comes to it."""
    amendment = open_amendments.find(session, plan)
    if amendment and open_amendments.shown_state(amendment, today) is AmendmentState.EXPIRED:
        _expire(session, plan, amendment, now)


def _work_out(
    session: Session, plan: Plan, proposal: Proposal, today: date, *, past: bool = False
) -> tuple[Move, ...]:
    if plan.state != PlanState.ACTIVE:
        raise Conflict(REFUSALS[PlanState(plan.state)], code=f"plan_{plan.state}")
    waiting = open_amendments.find(session, plan)
    if waiting and open_amendments.shown_state(waiting, today) is AmendmentState.PROPOSED:
        raise Conflict(
            N_("Another change of dates waits for an answer. It has to be answered or withdrawn first."),
            code="amendment_open",
        )
    lines = installments_of(session, plan)
    refuse_while_processing(session, plan, lines)
    if proposal.spread is None:
        return rules.check_moves(lines, proposal.dates, today, past=past)
    ids = [new_id() for _ in proposal.spread]
    return rules.spread(lines, proposal.spread, ids, plan.currency, today, past=past)


def _write(session: Session, case: _Case, moves: tuple[Move, ...], reason: str, origin: Origin) -> Amendment:
    """The proposal as a row; what a customer proposes is accepted by that."""
    plan, number = case.plan, _last_number(session, case.plan) + 1
    text = terms.amended(current_terms(session, plan), number, moves)
    amendment = Amendment(
        merchant_id=plan.merchant_id,
        id=new_id(),
        plan_id=plan.id,
        number=number,
        proposed_by=case.actor.id,
        by_customer=case.by_customer,
        reason=reason,
        lines=[move.kept() for move in moves],
        terms=text,
        terms_hash=terms.hash_text(text),
        effect=Effect.WORSE if rules.worse_from(moves) else Effect.BETTER,
        state=AmendmentState.PROPOSED,
        proposed_at=case.now,
        last_day=rules.last_day_to_answer(moves, case.today),
    )
    if case.by_customer:
        _keep_evidence(amendment, case, origin)
    session.add(amendment)
    session.flush()
    return amendment


def current_terms(session: Session, plan: Plan) -> str:
    """The text that is in force: that of the last amendment in force, else the one that was accepted."""
    query = select(Amendment.terms).where(*_of(plan), Amendment.state == AmendmentState.IN_FORCE)
    amended = session.scalars(query.order_by(Amendment.number.desc()).limit(1)).first()
    return amended or session.get_one(Acceptance, (plan.merchant_id, plan.id)).terms


def _moves(amendment: Amendment) -> list[Move]:
    return [Move.of(kept) for kept in amendment.lines]


def _of(plan: Plan) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Amendment.merchant_id == plan.merchant_id, Amendment.plan_id == plan.id


def _last_number(session: Session, plan: Plan) -> int:
    return session.scalar(select(func.max(Amendment.number)).where(*_of(plan))) or 0


def _get(session: Session, plan: Plan, number: int) -> Amendment:
    found = session.scalars(select(Amendment).where(*_of(plan), Amendment.number == number)).one_or_none()
    if found is None:
        raise NotFound()
    return found


def _open(session: Session, case: _Case, number: int, *, own: bool = False) -> Amendment:
    """The amendment of this number, if it waits for an answer: of the other side, or the ``own`` to be withdrawn."""
    amendment = _get(session, case.plan, number)
    if own != (amendment.by_customer == case.by_customer):
        raise Forbidden(
            N_("Only who proposed this can withdraw it.") if own else N_("The other side has to answer this.")
        )
    state = open_amendments.shown_state(amendment, case.today)
    if state is not AmendmentState.PROPOSED:
        raise Conflict(rules.REFUSALS[state], code=f"amendment_{state}")
    return amendment


def _keep_evidence(amendment: Amendment, case: _Case, origin: Origin) -> None:
    """That the customer agreed: when, from where, and with which browser."""
    amendment.accepted_at = case.now
    amendment.address, amendment.user_agent = origin.address[:64], origin.user_agent[:400]


def _put_in_force(session: Session, case: _Case, amendment: Amendment) -> None:
    plan, moves = case.plan, _moves(amendment)
    amendment.state, amendment.ended_at = AmendmentState.IN_FORCE, case.now
    session.flush()
    lifted: set[UUID] = set()
    if any(move.is_added for move in moves):
        spreading.spread(session, plan, amendment.id, moves, case.now, case.today)
    else:
        dates = {move.installment_id: move.new for move in moves if move.new}
        key = {"merchant_id": plan.merchant_id, "amendment_id": amendment.id}
        insert_rows(
            session,
            AmendmentLine,
            [key | {"installment_id": line, "due_on": day} for line, day in dates.items()],
        )
        lifted = due_dates.move(session, plan, amendment.id, dates, case.today)
    plan.updated_at = case.now
    session.flush()
    _notify(session, case, amendment, "amendment_in_force", to_customer=True)
    if amendment.accepted_at:
        _email(session, case, amendment, "amendment_in_force", to_customer=False)
    about: dict[str, Any] = {"merchant_id": plan.merchant_id, "plan_id": plan.id, "at": case.now}
    for move in moves:
        if move.new and move.installment_id in lifted:
            due_on = move.new.isoformat()
            events.record(session, "late_lifted", number=move.number, due_on=due_on, **about)


def _end(session: Session, case: _Case, amendment: Amendment, state: AmendmentState) -> None:
    amendment.state, amendment.ended_at = state, case.now
    session.flush()
    _notify(session, case, amendment, f"amendment_{state}")


def _notify(
    session: Session, case: _Case, amendment: Amendment, event: str, *, to_customer: bool | None = None
) -> None:
    """Record the event, and send its email: to the other side, unless it is said to whom."""
    events.record(
        session,
        event,
        merchant_id=case.plan.merchant_id,
        plan_id=case.plan.id,
        actor_id=case.actor.id,
        at=case.now,
        **open_amendments.event_facts(amendment),
    )
    other = not case.by_customer
    _email(session, case, amendment, event, to_customer=other if to_customer is None else to_customer)


def _email(session: Session, case: _Case, amendment: Amendment, event: str, *, to_customer: bool) -> None:
    kind, to = (event, case.plan.customer_id) if to_customer else (f"{event}_shop", case.contact)
    facts = open_amendments.email_facts(amendment)
    queue_email(session, case.plan, kind, to, case.now, cause=amendment.id, **facts)
