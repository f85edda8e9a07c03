"""What an admin sees: counts, users, plans, messages, job runs and the audit trail; read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from portal.core.errors import NotFound
from portal.models import Event, JobRun, Merchant, Message, Payment, Plan, User

from .timeline import EventView, events_query
from .views import PlanView, load_plans

PAGE = 50


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of each there are now; ``oldest_queued_at`` tells how far behind delivery is."""

    users: int
    merchants: int
    plans: dict[str, int]
    payments_processing: int
    messages: dict[str, int]
    oldest_queued_at: datetime | None


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user as an admin may know one; ``registered`` is false for an invited address nobody has claimed."""

    id: UUID
    name: str
    email: str
    username: str
    role: str
    registered: bool
    created_at: datetime
    deactivated_at: datetime | None


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message of the outbox; ``subject`` and ``body`` once it was sent."""

    id: UUID
    kind: str
    to: str
    merchant: str
    state: str
    tries: int
    created_at: datetime
    send_after: datetime
    sent_at: datetime | None
    subject: str | None
    body: str | None
    error: str | None
    plan_id: UUID | None


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of a job."""

    id: UUID
    job: str
    business_date: date | None
    started_at: datetime
    ended_at: datetime | None
    counts: dict[str, Any]
    error: str | None


def counts(session: Session) -> Counts:
    """Five statements whatever the size of the tables' rows shown."""
    users = dict(session.execute(select(User.role, func.count()).group_by(User.role)).all())
    plans = dict(session.execute(select(Plan.state, func.count()).group_by(Plan.state)).all())
    sent = dict(session.execute(select(Message.state, func.count()).group_by(Message.state)).all())
    processing = session.scalars(select(func.count()).where(Payment.state == "processing")).one()
    oldest = session.scalars(select(func.min(Message.created_at)).where(Message.state == "queued")).one()
    return Counts(sum(users.values()), users.get("merchant", 0), plans, processing, sent, oldest)


def list_users(
    session: Session, *, search: str = "", role: str = "", before: UUID | None = None
) -> list[UserRow]:
    """At most one page and one more, newest first."""
    query = select(
        User.id, User.name, User.email, User.username, User.role, User.password_hash.is_not(None), User.created_at,
        User.deactivated_at,
    ).order_by(User.id.desc()).limit(PAGE + 1)  # fmt: skip
    if search:
        query = query.where(
            or_(*(c.ilike(_part(search), escape="\\") for c in (User.email, User.name, User.username)))
        )
    if role:
        query = query.where(User.role == role)
    if before:
        query = query.where(User.id < before)
    return [UserRow(*row) for row in session.execute(query)]


def get_user(session: Session, user_id: UUID) -> UserRow:
    query = select(
        User.id, User.name, User.email, User.username, User.role, User.password_hash.is_not(None), User.created_at,
        User.deactivated_at,
    ).where(User.id == user_id)  # fmt: skip
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound()
    return UserRow(*row)


def list_plans(
    session: Session, now: datetime, *, search: str = "", status: str = "", party: UUID | None = None,
    before: UUID | None = None,
) -> list[PlanView]:  # fmt: skip
    """Plans of every shop, newest first, at most one page and one more; ``party`` is a merchant or a customer."""
    query = select(Plan).order_by(Plan.id.desc()).limit(PAGE + 1)
    if search:
        columns = (Plan.customer_email, Plan.reference, Merchant.name, Plan.description)
        query = query.where(or_(*(column.ilike(_part(search), escape="\\") for column in columns)))
    if status:
        query = query.where(Plan.state == status)
    if party:
        query = query.where(or_(Plan.merchant_id == party, Plan.customer_id == party))
    if before:
        query = query.where(Plan.id < before)
    return load_plans(session, query, now)


def get_plan(session: Session, plan_id: UUID, now: datetime) -> PlanView:
    found = load_plans(session, select(Plan).where(Plan.id == plan_id), now)
    if not found:
        raise NotFound()
    return found[0]


def list_messages(session: Session, *, state: str = "", before: UUID | None = None) -> list[MessageRow]:
    """The outbox, newest first, at most one page and one more."""
    query = _messages().order_by(Message.id.desc()).limit(PAGE + 1)
    if state:
        query = query.where(Message.state == state)
    if before:
        query = query.where(Message.id < before)
    return [MessageRow(*row) for row in session.execute(query)]


def get_message(session: Session, message_id: UUID) -> MessageRow:
    row = session.execute(_messages().where(Message.id == message_id)).one_or_none()
    if row is None:
        raise NotFound()
    return MessageRow(*row)


def _messages() -> Any:
    return (
        select(
            Message.id, Message.kind, User.email, Merchant.name, Message.state, Message.tries, Message.created_at,
            Message.send_after, Message.sent_at, Message.subject, Message.body, Message.error, Message.plan_id,
        )
        .join(User, User.id == Message.user_id)
        .join(Merchant, Merchant.id == Message.merchant_id)
    )  # fmt: skip


def list_runs(session: Session, *, before: UUID | None = None) -> list[RunRow]:
    """Job runs, newest first, at most one page and one more."""
    query = select(
        JobRun.id, JobRun.job, JobRun.business_date, JobRun.started_at, JobRun.ended_at, JobRun.counts, JobRun.error
    ).order_by(JobRun.id.desc()).limit(PAGE + 1)  # fmt: skip
    if before:
        query = query.where(JobRun.id < before)
    return [RunRow(*row) for row in session.execute(query)]


def list_events(session: Session, *, before: UUID | None = None) -> list[EventView]:
    """The audit trail of every shop, newest first, at most one page and one more."""
    query = events_query().order_by(Event.id.desc()).limit(PAGE + 1)
    if before:
        query = query.where(Event.id < before)
    return [EventView(*row) for row in session.execute(query)]


def _part(search: str) -> str:
    return "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
