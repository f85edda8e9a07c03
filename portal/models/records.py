"""Messages (the outbox), events, idempotency keys and job runs."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, new_id


class Message(Base):
    """An email to one person, written in the transaction of its ``cause``; a job delivers it.

    ``facts`` holds the values of the email; ``subject``, the text ``body`` and ``html`` are kept as sent.
    """

    __tablename__ = "messages"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    cause: Mapped[uuid.UUID]
    kind: Mapped[str] = mapped_column(String(24))
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    plan_id: Mapped[uuid.UUID | None]
    facts: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(8), default="queued")
    tries: Mapped[int] = mapped_column(default=0)
    send_after: Mapped[datetime]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    subject: Mapped[str | None] = mapped_column(String(300))
    body: Mapped[str | None] = mapped_column(Text)
    html: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(String(300))

    __table_args__ = (
        UniqueConstraint("merchant_id", "cause", "kind"),
        ForeignKeyConstraint(["merchant_id", "plan_id"], ["plans.merchant_id", "plans.id"]),
        CheckConstraint("state IN ('queued', 'sent', 'failed')", name="state"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_at"),
        Index(
            "ix_messages_queued",
            "merchant_id",
            "send_after",
            postgresql_where=text("state = 'queued'"),
            sqlite_where=text("state = 'queued'"),
        ),
        Index(
            "ix_messages_failed",
            "merchant_id",
            "created_at",
            postgresql_where=text("state = 'failed'"),
            sqlite_where=text("state = 'failed'"),
        ),
        Index("ix_messages_id", "id"),
        Index("ix_messages_merchant_id_plan_id", "merchant_id", "plan_id"),
        # What was sent to one person, for the file of their data.
        Index("ix_messages_user_id", "user_id", "id"),
    )


class Reminder(Base):
    """A reminder of a ``kind`` that was queued about an installment's due date, and the day in the shop on which."""

    __tablename__ = "reminders"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    installment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    due_on: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(24), primary_key=True)
    message_id: Mapped[uuid.UUID]
    sent_on: Mapped[date]

    __table_args__ = (
        ForeignKeyConstraint(
            ["merchant_id", "installment_id"], ["installments.merchant_id", "installments.id"]
        ),
        ForeignKeyConstraint(["merchant_id", "message_id"], ["messages.merchant_id", "messages.id"]),
    )


class Event(Base):
    """What happened, who did it and when: the audit trail. Never changed or removed."""

    __tablename__ = "events"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(32))
    actor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    plan_id: Mapped[uuid.UUID | None]
    facts: Mapped[dict[str, Any]]
    at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["merchant_id", "plan_id"], ["plans.merchant_id", "plans.id"]),
        Index("ix_events_merchant_id_plan_id", "merchant_id", "plan_id", "id"),
        Index("ix_events_id", "id"),
        # What one person did, for the file of their data.
        Index(
            "ix_events_actor_id",
            "actor_id",
            "id",
            postgresql_where=text("actor_id IS NOT NULL"),
            sqlite_where=text("actor_id IS NOT NULL"),
        ),
        Index(
            "ix_events_signed_in",
            "merchant_id",
            "actor_id",
            "id",
            postgresql_where=text("kind = 'signed_in'"),
            sqlite_where=text("kind = 'signed_in'"),
        ),
    )


class EventOrigin(Base):
    """From which network and browser an event's actor acted. Unlike the event it is removed after 90 days."""

    __tablename__ = "event_origins"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    event_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    network: Mapped[str] = mapped_column(String(64))
    browser: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["merchant_id", "event_id"], ["events.merchant_id", "events.id"]),
        Index("ix_event_origins_created_at", "created_at"),
    )


class IdempotencyKey(Base):
    """A money request that was seen: what was asked, and once settled the answer that is given again."""

    __tablename__ = "idempotency_keys"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    payment_id: Mapped[uuid.UUID | None]
    refund_id: Mapped[uuid.UUID | None]
    answer: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]

    __table_args__ = (
        # Deferred, because the key is claimed before its payment or refund is written.
        ForeignKeyConstraint(
            ["merchant_id", "payment_id"],
            ["payments.merchant_id", "payments.id"],
            deferrable=True,
            initially="DEFERRED",
        ),
        ForeignKeyConstraint(
            ["merchant_id", "refund_id"],
            ["refunds.merchant_id", "refunds.id"],
            deferrable=True,
            initially="DEFERRED",
        ),
        Index("ix_idempotency_keys_merchant_id_payment_id", "merchant_id", "payment_id"),
        Index("ix_idempotency_keys_merchant_id_refund_id", "merchant_id", "refund_id"),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )


class JobRun(Base):
    """One run of a job: the business day it worked for, what it counted, and its error if it failed."""

    __tablename__ = "job_runs"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    job: Mapped[str] = mapped_column(String(24))
    business_date: Mapped[date | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    counts: Mapped[dict[str, Any]]
    error: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (Index("ix_job_runs_job_started_at", "job", "started_at"),)
