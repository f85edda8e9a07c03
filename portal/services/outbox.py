"""The outbox: messages are written with their cause, unique per cause, and delivered later."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from portal.adapters.mailer import DeliveryError, Email, Envelope, Mailer
from portal.core import reminders
from portal.core.emails import SECRET, SEND_TO
from portal.core.errors import N_, Busy, Conflict, NotFound
from portal.core.roles import PORTAL_ID, Actor
from portal.models import Merchant, Message, User, new_id

from . import events
from .transaction import insert_once, unit_of_work

log = logging.getLogger(__name__)

BATCH = 20
LEASE = timedelta(minutes=5)
MOST_TRIES = 8
LONGEST_WAIT = timedelta(hours=6)
# Offers, invitations and reminders; receipts and what refunds and cancels are sent all the same.
STOPPED_BY_SUSPENSION = frozenset(
    {"offer_sent", "offer_reminder", "member_invited", "reminder", *reminders.ORDER}
)


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message with all that rendering and sending its email needs."""

    id: UUID
    merchant_id: UUID
    kind: str
    facts: dict[str, Any]
    to: str
    name: str
    language: str
    session_version: int
    user_id: UUID
    plan_id: UUID | None
    sender: str
    support: str
    tries: int
    created_at: datetime
    deactivated: bool = False
    suspended: bool = False
    verified: bool = False

    @property
    def envelope(self) -> Envelope:
        return Envelope(self.to, self.support, self.sender, self.id, self.created_at, self.plan_id)


def queue(
    session: Session,
    kind: str,
    *,
    merchant_id: UUID,
    cause: UUID,
    user_id: UUID,
    at: datetime,
    plan_id: UUID | None = None,
    send_after: datetime | None = None,
    **facts: object,
) -> bool:
    """Write one message for ``user_id``; False if the same cause already has one of this kind."""
    row = {"merchant_id": merchant_id, "cause": cause, "user_id": user_id, "plan_id": plan_id, "facts": facts}
    return bool(queue_many(session, [row | {"kind": kind, "created_at": at, "send_after": send_after or at}]))


def queue_many(session: Session, rows: list[dict[str, Any]]) -> list[UUID]:
    """Write many messages at once; returns the ids of those that were new. A worker is woken after the commit."""
    whole = [{"id": new_id(), "state": "queued", "tries": 0} | row for row in rows]
    written: list[UUID] = []
    for k in range(0, len(whole), 500):
        written += insert_once(session, Message, whole[k : k + 500])
    if written:
        session.info["messages_queued"] = True
    return written


def send_again(session: Session, admin: Actor, message_id: UUID, now: datetime) -> None:
    """Queue a failed message again with all attempts; the email keeps its id.

    Raises ``NotFound``, and ``Conflict`` for one that was sent or still waits.
    """
    merchant_id = session.scalar(select(Message.merchant_id).where(Message.id == message_id))
    if merchant_id is None:
        raise NotFound()
    queued = session.execute(
        update(Message)
        .where(Message.merchant_id == merchant_id, Message.id == message_id, Message.state == "failed")
        .values(state="queued", tries=0, send_after=now)
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    ).all()
    if not queued:
        raise Conflict(N_("This email cannot be sent again: it was already sent, or is still queued."))
    session.info["messages_queued"] = True
    events.record(
        session,
        "message_sent_again",
        merchant_id=PORTAL_ID,
        actor_id=admin.id,
        at=now,
        message=str(message_id),
    )


def deliver(
    session: Session, mailer: Mailer, write: Callable[[OutgoingMessage], Email], clock: Callable[[], datetime]
) -> dict[str, int]:
    """Send what is due, a batch of each merchant in turn; each email is sent outside any transaction, then recorded.

    A claim is a lease: a crash between sending and recording repeats an email (with the same id), and loses none.
    The lease counts from the claim and not from the start of a run, which may take longer than a lease.
    """
    counts, claimed = {"sent": 0, "refused": 0}, True
    while claimed:
        claimed = False
        for merchant_id in _merchants_with_mail(session, clock()):
            for message in _claim(session, merchant_id, clock()):
                claimed = True
                counts[_deliver_one(session, mailer, write, message, clock)] += 1
    return counts


def _merchants_with_mail(session: Session, now: datetime) -> list[UUID]:
    due = select(Message.merchant_id).where(Message.state == "queued", Message.send_after <= now).distinct()
    return list(session.scalars(due))


def _claim(session: Session, merchant_id: UUID, now: datetime) -> list[OutgoingMessage]:
    with unit_of_work(session):
        rows = session.execute(
            select(
                Message.id,
                Message.kind,
                Message.facts,
                Message.tries,
                Message.created_at,
                Message.user_id,
                Message.plan_id,
                User.email,
                User.name.label("recipient"),
                User.language,
                User.session_version,
                User.email_verified_at,
                Merchant.name.label("sender"),
                Merchant.support_email,
                User.deactivated_at,
                Merchant.suspended_at,
            )
            .join(User, User.id == Message.user_id)
            .join(Merchant, Merchant.id == Message.merchant_id)
            .where(Message.merchant_id == merchant_id, Message.state == "queued", Message.send_after <= now)
            .order_by(Message.send_after, Message.id)
            .limit(BATCH)
            .with_for_update(of=Message, skip_locked=True)
        ).all()
        if rows:
            session.execute(
                update(Message)
                .where(Message.merchant_id == merchant_id, Message.id.in_([row.id for row in rows]))
                .values(tries=Message.tries + 1, send_after=now + LEASE)
                .execution_options(synchronize_session=False)
            )
    return [_addressed(merchant_id, row) for row in rows]


def _addressed(merchant_id: UUID, row: Row[Any]) -> OutgoingMessage:
    return OutgoingMessage(
        id=row.id,
        merchant_id=merchant_id,
        kind=row.kind,
        facts=row.facts,
        to=row.facts.get(SEND_TO, row.email),
        name=row.recipient,
        language=row.language,
        session_version=row.session_version,
        user_id=row.user_id,
        plan_id=row.plan_id,
        sender=row.sender,
        support=row.support_email,
        tries=row.tries + 1,
        created_at=row.created_at,
        deactivated=row.deactivated_at is not None,
        suspended=row.suspended_at is not None,
        verified=row.email_verified_at is not None,
    )


def _deliver_one(
    session: Session,
    mailer: Mailer,
    write: Callable[[OutgoingMessage], Email],
    message: OutgoingMessage,
    clock: Callable[[], datetime],
) -> str:
    stopped = _reason_to_stop(message)
    if stopped:
        _record(session, message, {"state": "failed", "error": stopped})
        return "refused"
    try:
        email = write(message)
        mailer.send(email, message.envelope)
    except DeliveryError as refused:
        return _refuse(session, message, str(refused), clock(), permanent=refused.permanent)
    except Exception as error:
        # An email that cannot be rendered or addressed must not block those behind it.
        log.exception("an email could not be made", extra={"email": str(message.id), "kind": message.kind})
        return _refuse(session, message, f"{type(error).__name__}: {error}"[:300], clock())
    _record_sent(session, message, email, clock())
    return "sent"


def _record_sent(session: Session, message: OutgoingMessage, email: Email, now: datetime) -> None:
    """A sent message's columns. Text that the database cannot store is dropped, or the email would be sent again."""
    sent = {"state": "sent", "sent_at": now, "error": None}
    # A secret is not kept where an admin could read it.
    secret = message.kind in SECRET or email.secret
    kept = {} if secret else {"body": email.text, "html": email.html}
    try:
        _record(session, message, sent | kept | {"subject": email.subject})
    except Busy:
        raise
    except Exception:
        log.exception("an email could not be kept", extra={"email": str(message.id), "kind": message.kind})
        _record(session, message, sent)


def _reason_to_stop(message: OutgoingMessage) -> str | None:
    """Why an email is withheld: the recipient is deactivated, or the shop is suspended."""
    # Where the account was closed, the one email about it goes to the address that it had.
    if message.deactivated and SEND_TO not in message.facts:
        return N_("Not sent: the recipient's account is deactivated.")
    if message.suspended and message.kind in STOPPED_BY_SUSPENSION:
        return N_("Not sent: the shop is suspended.")
    return None


def _refuse(
    session: Session, message: OutgoingMessage, error: str, now: datetime, *, permanent: bool = False
) -> str:
    if permanent or message.tries >= MOST_TRIES:
        values: dict[str, Any] = {"state": "failed", "error": error}
    else:
        wait = min(timedelta(minutes=4 ** (message.tries - 1)), LONGEST_WAIT)
        values = {"error": error, "send_after": now + wait}
    _record(session, message, values)
    return "refused"


def _record(session: Session, message: OutgoingMessage, values: dict[str, Any]) -> None:
    with unit_of_work(session):
        session.execute(
            update(Message)
            .where(
                Message.merchant_id == message.merchant_id,
                Message.id == message.id,
                Message.state == "queued",
            )
            .values(**values)
            .execution_options(synchronize_session=False)
        )
