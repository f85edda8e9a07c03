"""Emails of the demo's past: rendered as the worker would have done, and not sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.adapters.mailer import Email
from portal.models import Merchant, Message, User
from portal.services.outbox import OutgoingMessage

# How long after its cause an email is sent: the worker is woken by the commit.
DELIVERY = timedelta(seconds=3)


def deliver_the_past(session: Session, write: Callable[[OutgoingMessage], Email]) -> Counter[datetime]:
    """Mark every queued message as sent at its own time, with its text; returns how many at which instant.

    All at once: claiming and recording a year of emails one by one takes minutes.
    """
    queued = session.execute(
        select(Message, User, Merchant)
        .join(User, User.id == Message.user_id)
        .join(Merchant, Merchant.id == Message.merchant_id)
        .where(Message.state == "queued")
        .order_by(Message.id)
    )
    sent: Counter[datetime] = Counter()
    for message, user, shop in queued:
        email = write(
            OutgoingMessage(
                id=message.id,
                merchant_id=shop.id,
                kind=message.kind,
                facts=message.facts,
                to=user.email,
                name=user.name,
                language=user.language,
                session_version=user.session_version,
                user_id=user.id,
                plan_id=message.plan_id,
                sender=shop.name,
                support=shop.support_email,
                tries=1,
                created_at=message.created_at,
            )
        )
        message.state, message.tries, message.sent_at = "sent", 1, message.send_after + DELIVERY
        message.subject, message.body, message.html = email.subject, email.text, email.html
        sent[message.sent_at] += 1
    return sent
