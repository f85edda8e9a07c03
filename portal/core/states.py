"""The states of plans and installments, and the one table of allowed transitions."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from .errors import N_, Conflict


class PlanState(StrEnum):
    OFFERED = "offered"
    ACTIVE = "active"
    COMPLETED = "completed"
    DECLINED = "declined"
    REVOKED = "revoked"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    WRITTEN_OFF = "written_off"


class InstallmentStatus(StrEnum):
    PENDING = "pending"
    LATE = "late"
    PAID = "paid"
    CANCELLED = "cancelled"
    WRITTEN_OFF = "written_off"
    MOVED = "moved"


class PaymentState(StrEnum):
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    ABANDONED = "abandoned"
    RETURNED = "returned"


# Every transition that a plan can make, with the event that records it.
TRANSITIONS = {
    (PlanState.OFFERED, PlanState.ACTIVE): "plan_accepted",
    (PlanState.OFFERED, PlanState.DECLINED): "plan_declined",
    (PlanState.OFFERED, PlanState.REVOKED): "plan_revoked",
    (PlanState.OFFERED, PlanState.EXPIRED): "plan_expired",
    (PlanState.ACTIVE, PlanState.COMPLETED): "plan_completed",
    (PlanState.ACTIVE, PlanState.CANCELLED): "plan_cancelled",
    (PlanState.ACTIVE, PlanState.WRITTEN_OFF): "plan_written_off",
    # Only by a reversal that leaves something owed.
    (PlanState.COMPLETED, PlanState.ACTIVE): "plan_reopened",
    (PlanState.CANCELLED, PlanState.ACTIVE): "plan_reopened",
    (PlanState.WRITTEN_OFF, PlanState.ACTIVE): "plan_reopened",
}

UNACCEPTED_ENDS = frozenset({PlanState.DECLINED, PlanState.REVOKED, PlanState.EXPIRED})
ACCEPTED = frozenset({PlanState.ACTIVE, PlanState.COMPLETED, PlanState.CANCELLED, PlanState.WRITTEN_OFF})

REFUSALS = {
    PlanState.OFFERED: N_("This plan is an offer that nobody has accepted yet."),
    PlanState.ACTIVE: N_("This plan was already accepted."),
    PlanState.COMPLETED: N_("This plan is already completed."),
    PlanState.DECLINED: N_("This offer was declined."),
    PlanState.REVOKED: N_("This offer was revoked by the shop."),
    PlanState.EXPIRED: N_("This offer has expired. Ask the shop for a new one."),
    PlanState.CANCELLED: N_("This plan was cancelled."),
    PlanState.WRITTEN_OFF: N_("The shop has stopped collecting this plan."),
}


def shown_state(state: PlanState, last_day: date, today: date) -> PlanState:
    """The state as it counts today: an offer past its last day is expired whether or not the job has run."""
    return PlanState.EXPIRED if state is PlanState.OFFERED and today > last_day else state


def transition(state: PlanState, to: PlanState) -> str:
    """The name of the event for going from ``state`` to ``to``; raises ``Conflict`` if there is no such way."""
    try:
        return TRANSITIONS[state, to]
    except KeyError:
        raise Conflict(REFUSALS[state], code=f"plan_{state}") from None


def installment_status(
    plan: PlanState,
    owed: int,
    settled: int,
    written_off: int,
    due_on: date,
    late_on: date | None,
    today: date,
    moved: int = 0,
) -> InstallmentStatus:
    """The status of an installment on ``today``, from its owed, paid, written-off and moved amounts in minor units.

    ``plan`` is as given by ``shown_state``.
    """
    if plan in UNACCEPTED_ENDS:
        return InstallmentStatus.CANCELLED
    if plan is PlanState.OFFERED:
        return InstallmentStatus.PENDING
    if owed == 0 and written_off:
        return InstallmentStatus.WRITTEN_OFF
    if owed == 0 and moved:
        return InstallmentStatus.MOVED
    if owed == 0:
        return InstallmentStatus.PAID if settled else InstallmentStatus.CANCELLED
    if late_on is not None or due_on < today:
        return InstallmentStatus.LATE
    return InstallmentStatus.PENDING
