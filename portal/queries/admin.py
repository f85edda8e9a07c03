"""What an admin sees: counts, users, plans, messages, job runs and the audit trail; read only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, true, union_all
from sqlalchemy.orm import Session

from portal.core.emails import SEND_TO
from portal.core.errors import NotFound
from portal.core.jobs import EVERY, overdue_by
from portal.core.terms import hash_text
from portal.models import Acceptance, Event, EventOrigin, JobRun, Merchant, Message, Payment, Plan, User

from .read_models import PlanView, load_plans
from .searching import email_holds, holds, plans_hold
from .timeline import EventView, events_query

PAGE = 50


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of each there are now; ``oldest_queued_at`` shows how far behind delivery is."""

    users: dict[str, int]
    plans: dict[str, int]
    messages: dict[str, int]
    payments_processing: int
    oldest_queued_at: datetime | None


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user as shown to an admin; ``registered`` is false for an invited address without an account."""

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
class MessageView(MessageRow):
    """A message with all that its email is written from."""

    html: str | None
    facts: dict[str, Any]
    name: str
    language: str
    user_id: UUID
    session_version: int
    support: str
    verified: bool

    @property
    def sender(self) -> str:
        return self.merchant


@dataclass(frozen=True, slots=True)
class Evidence:
    """That a customer agreed: when, how, from where, and to which text; ``sound`` if the text has that hash."""

    accepted_at: datetime
    customer: str
    address_verified: bool
    how: str
    address: str
    user_agent: str
    terms: str
    terms_hash: str

    @property
    def sound(self) -> bool:
        return hash_text(self.terms) == self.terms_hash


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An event, the currency of its plan if it has one, and from where it came while that is kept."""

    event: EventView
    currency: str
    network: str | None
    browser: str | None


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


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job, its latest run if there is one, and for how long it should have begun again."""

    job: str
    run: RunRow | None
    overdue_by: timedelta


def counts(session: Session) -> Counts:
    """One statement: users by role, plans and messages by state, payments without an answer."""
    tables = (
        (User.role, User, true()),
        (Plan.state, Plan, true()),
        (Message.state, Message, true()),
        (Payment.state, Payment, Payment.state == "processing"),
    )
    parts = [
        select(literal(table.__tablename__), word, func.count(), func.min(table.created_at))
        .where(only)
        .group_by(word)
        for word, table, only in tables
    ]
    found: dict[str, dict[str, int]] = {table.__tablename__: {} for _, table, _ in tables}
    oldest = {}
    for table, word, count, since in session.execute(union_all(*parts)):
        found[table][word], oldest[table, word] = count, since
    return Counts(
        found["users"],
        found["plans"],
        found["messages"],
        found["payments"].get("processing", 0),
        oldest.get(("messages", "queued")),
    )


def list_users(
    session: Session, *, search: str = "", role: str = "", before: UUID | None = None
) -> list[UserRow]:
    """At most one page and one more, newest first."""
    query = (
        select(
            User.id,
            User.name,
            User.email,
            User.username,
            User.role,
            User.password_hash.is_not(None),
            User.created_at,
            User.deactivated_at,
        )
        .order_by(User.id.desc())
        .limit(PAGE + 1)
    )
    if search:
        query = query.where(User.id.in_(_named(search)))
    if role:
        query = query.where(User.role == role)
    if before:
        query = query.where(User.id < before)
    return [UserRow(*row) for row in session.execute(query)]


def get_user(session: Session, user_id: UUID) -> UserRow:
    query = select(
        User.id,
        User.name,
        User.email,
        User.username,
        User.role,
        User.password_hash.is_not(None),
        User.created_at,
        User.deactivated_at,
    ).where(User.id == user_id)
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound()
    return UserRow(*row)


def list_plans(
    session: Session,
    now: datetime,
    *,
    search: str = "",
    status: str = "",
    customer: UUID | None = None,
    shops: Collection[UUID] = (),
    before: UUID | None = None,
) -> list[PlanView]:
    """Plans of every shop, newest first, at most one page and one more; or those of these ``shops``, and those that
    this ``customer`` was offered."""
    query = select(Plan).order_by(Plan.id.desc()).limit(PAGE + 1)
    if search:
        query = query.where(plans_hold(session, search))
    if status:
        query = query.where(Plan.state == status)
    if customer or shops:
        query = query.where(or_(Plan.merchant_id.in_(shops), Plan.customer_id == customer))
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


def get_message(session: Session, message_id: UUID) -> MessageView:
    query = _messages().add_columns(
        Message.html,
        Message.facts,
        User.name,
        User.language,
        User.id,
        User.session_version,
        Merchant.support_email,
        User.email_verified_at.is_not(None),
    )
    row = session.execute(query.where(Message.id == message_id)).one_or_none()
    if row is None:
        raise NotFound()
    return MessageView(*row)


def _messages() -> Any:
    return (
        select(
            Message.id,
            Message.kind,
            func.coalesce(Message.facts[SEND_TO].as_string(), User.email),
            Merchant.name,
            Message.state,
            Message.tries,
            Message.created_at,
            Message.send_after,
            Message.sent_at,
            Message.subject,
            Message.body,
            Message.error,
            Message.plan_id,
        )
        .join(User, User.id == Message.user_id)
        .join(Merchant, Merchant.id == Message.merchant_id)
    )


_RUNS = select(
    JobRun.id,
    JobRun.job,
    JobRun.business_date,
    JobRun.started_at,
    JobRun.ended_at,
    JobRun.counts,
    JobRun.error,
)


def list_runs(session: Session, *, before: UUID | None = None) -> list[RunRow]:
    """Job runs, newest first, at most one page and one more."""
    query = _RUNS.order_by(JobRun.id.desc()).limit(PAGE + 1)
    if before:
        query = query.where(JobRun.id < before)
    return [RunRow(*row) for row in session.execute(query)]


def list_jobs(session: Session, now: datetime) -> list[JobRow]:
    """Every job in the order of its name. One that never ran is not called late: the worker may be about to start."""
    latest = {run.job: RunRow(*run) for run in session.execute(_LATEST)}
    runs = ((job, latest.get(job)) for job in sorted(EVERY))
    return [
        JobRow(job, run, overdue_by(job, run.started_at, now) if run else timedelta()) for job, run in runs
    ]


def _latest(job: str) -> Select[Any]:
    """The run of a job that began last, found by its index; as a table, since SQLite unites no limited selects."""
    latest = _RUNS.where(JobRun.job == job).order_by(JobRun.started_at.desc(), JobRun.id.desc()).limit(1)
    return select(latest.subquery())


_LATEST = union_all(*map(_latest, EVERY))


def find_evidence(session: Session, plan: PlanView) -> Evidence | None:
    """The acceptance of a plan, or None while nobody has accepted it."""
    row = session.execute(
        select(
            Acceptance.accepted_at,
            User.email,
            Acceptance.address_verified,
            Acceptance.how,
            Acceptance.address,
            Acceptance.user_agent,
            Acceptance.terms,
            Acceptance.terms_hash,
        )
        .join(User, User.id == Acceptance.customer_id)
        .where(Acceptance.merchant_id == plan.merchant_id, Acceptance.plan_id == plan.id)
    ).one_or_none()
    return Evidence(*row) if row else None


def list_events(session: Session, *, search: str = "", before: UUID | None = None) -> list[AuditRow]:
    """The audit trail of every shop, newest first, at most one page and one more.

    A ``search`` for a plan's reference finds what happened to that plan, any other what was done by the people whose
    name or email address holds it.
    """
    query = (
        events_query()
        .add_columns(func.coalesce(Plan.currency, ""), EventOrigin.network, EventOrigin.browser)
        .outerjoin(
            EventOrigin, (EventOrigin.merchant_id == Event.merchant_id) & (EventOrigin.event_id == Event.id)
        )
    )
    query = query.order_by(Event.id.desc()).limit(PAGE + 1)
    if search:
        about = _of_plan(session, search)
        query = query.where(Event.actor_id.in_(_named(search)) if about is None else about)
    if before:
        query = query.where(Event.id < before)
    rows = session.execute(query)
    return [AuditRow(EventView(*event), *more) for *event, more in ((*row[:-3], row[-3:]) for row in rows)]


def _of_plan(session: Session, search: str) -> ColumnElement[bool] | None:
    """That an event is about the plan of this reference, if there is one."""
    reference = "".join(search.split()).replace("-", "").upper()
    query = select(Plan.merchant_id, Plan.id).where(plans_hold(session, search), Plan.reference == reference)
    found = session.execute(query.limit(1)).one_or_none()
    return and_(Event.merchant_id == found[0], Event.plan_id == found[1]) if found else None


def _named(search: str) -> Select[tuple[UUID]]:
    """Users whose name, username or email address holds the search."""
    named = (holds(column, search) for column in (User.name, User.username))
    return select(User.id).where(or_(email_holds(User.email, search), *named))
