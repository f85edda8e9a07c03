"""Closing one's own account: the person is forgotten, what was agreed and paid stays."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import bindparam, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from portal.core.accounts import attempts_key
from portal.core.emails import SEND_TO
from portal.core.errors import N_, Conflict
from portal.core.roles import PORTAL_ID, Actor, MemberRole, Role
from portal.core.states import PlanState
from portal.core.text import fold
from portal.models import (
    Event,
    EventOrigin,
    LoginAttempt,
    Member,
    MemberInvitation,
    Merchant,
    Message,
    Plan,
    User,
    UserToken,
)

from . import accounts, events, offer_addresses, offers, search_words, second_factor
from .notifications import notify_person

NAME = "Closed account"
# Of what happened to an account before it was proved who did it: the event names the account among its facts.
UNPROVED = ("wrong_password", "wrong_code", "reset_requested", "reset_link_used")

_OWNED = (
    select(Merchant.id)
    .where(
        Merchant.id.in_(
            select(Member.merchant_id).where(
                Member.user_id == bindparam("user_id"), Member.role == MemberRole.OWNER
            )
        )
    )
    .order_by(Merchant.id)
)


def reasons_against(session: Session, person: Actor) -> list[Conflict]:
    """Why the account cannot be closed now, one for each; empty if it can."""
    owing = Plan.customer_id == person.id, Plan.state == PlanState.ACTIVE
    owed = session.scalars(select(Plan.reference).where(*owing).order_by(Plan.id)).all()
    reasons = [
        Conflict(N_("Something is still owed on plan %(plan)s."), code="owing", plan=plan) for plan in owed
    ]
    if person.role is Role.ADMIN:
        reasons.append(
            Conflict(N_("An admin's account is ended by another admin, who deactivates it."), code="admin")
        )
    return reasons + [_of_shop(shop) for shop in _busy_shops(session, person.id)]


def _of_shop(name: str) -> Conflict:
    return Conflict(
        N_(
            "%(shop)s has open offers or plans, and nobody else owns it. End them, or make somebody else an owner."
        ),
        code="open_plans",
        shop=name,
    )


def _busy_shops(session: Session, user_id: UUID) -> list[str]:
    """The names of the shops that this person alone owns and that have offers or plans open."""
    open_plans = exists().where(
        Plan.merchant_id == Merchant.id, Plan.state.in_([PlanState.OFFERED, PlanState.ACTIVE])
    )
    alone = Merchant.id.in_(_owned_alone(session, user_id))
    return list(session.scalars(select(Merchant.name).where(alone, open_plans).order_by(Merchant.id)))


def close(session: Session, person: Actor, now: datetime) -> None:
    """Close the account for good. Raises ``Conflict`` with the first of the ``reasons_against``.

    Open offers are declined; a shop that nobody else owns is suspended. The old address is told, and can sign up anew.
    """
    user = accounts.lock_user(session, person.id)
    # Two owners cannot leave at once, and no offer is sent meanwhile.
    session.execute(_OWNED.with_for_update(key_share=True), {"user_id": user.id})
    for reason in reasons_against(session, person):
        raise reason
    for plan_id in session.scalars(
        select(Plan.id).where(Plan.customer_id == user.id, Plan.state == PlanState.OFFERED)
    ).all():
        _decline(session, person, plan_id, now)
    # One that was accepted meanwhile is owed.
    for reason in reasons_against(session, person):
        raise reason
    _leave_shops(session, person, now)
    facts: dict[str, Any] = {SEND_TO: user.email, "closed_at": now.isoformat()}
    _forget(session, user, now)
    search_words.rename_customer(session, user.id)
    notify_person(session, "account_closed", user.id, now, **facts)
    events.record(session, "account_closed", merchant_id=PORTAL_ID, actor_id=user.id, at=now)


def _decline(session: Session, person: Actor, plan_id: UUID, now: datetime) -> None:
    """One that has expired today cannot be declined, and need not be."""
    with suppress(Conflict):
        offers.decline_unproved(session, person, plan_id, now)


def _owned_alone(session: Session, user_id: UUID) -> list[UUID]:
    """The shops that nobody else owns who can sign in."""
    shop_ids = session.scalars(_OWNED, {"user_id": user_id}).all()
    shared = select(Member.merchant_id).join(User, User.id == Member.user_id)
    others = shared.where(
        Member.merchant_id.in_(shop_ids),
        Member.role == MemberRole.OWNER,
        Member.user_id != user_id,
        User.deactivated_at.is_(None),
    )
    with_others = set(session.scalars(others))
    return [shop_id for shop_id in shop_ids if shop_id not in with_others]


def _leave_shops(session: Session, person: Actor, now: datetime) -> None:
    """A shop without another owner keeps this one, who cannot sign in, and is suspended."""
    alone = _owned_alone(session, person.id)
    for shop in session.scalars(select(Merchant).where(Merchant.id.in_(alone))):
        shop.suspended_at = shop.suspended_at or now
        events.record(session, "shop_suspended", merchant_id=shop.id, actor_id=person.id, at=now)
    session.execute(delete(Member).where(Member.user_id == person.id, Member.merchant_id.not_in(alone)))
    waiting = MemberInvitation.user_id == person.id, MemberInvitation.ended_at.is_(None)
    session.execute(update(MemberInvitation).where(*waiting).values(ended_at=now))


def give_way(session: Session, email: str, now: datetime) -> None:
    """Free an address for the person who has it by right: close the account that nobody has proved to be theirs.

    Its open offers end, and their shops are told that they can send them again. An account that was proved, or that has
    sold or bought, stays as it is.
    """
    user = session.scalars(
        select(User).where(User.email == email).with_for_update(key_share=True)
    ).one_or_none()
    if user is None or not accounts.is_unproved(session, user):
        return
    offered = Plan.customer_id == user.id, Plan.state == PlanState.OFFERED
    for plan_id in session.scalars(select(Plan.id).where(*offered).order_by(Plan.id)).all():
        with suppress(Conflict):
            offer_addresses.refuse(session, plan_id, user.id, False, now)
    session.execute(delete(Member).where(Member.user_id == user.id))
    _forget(session, user, now)
    events.record(session, "account_closed", merchant_id=PORTAL_ID, at=now, user=str(user.id))


def _forget(session: Session, user: User, now: datetime) -> None:
    """Take out what names the person, and where they were; end every access."""
    accounts.end_access(session, user)
    second_factor.remove(session, user.id)
    session.execute(delete(UserToken).where(UserToken.user_id == user.id))
    session.execute(delete(LoginAttempt).where(LoginAttempt.account == attempts_key(str(user.id))))
    theirs = select(Event.merchant_id, Event.id).where(
        or_(
            Event.actor_id == user.id,
            Event.kind.in_(UNPROVED) & (Event.facts["user"].as_string() == str(user.id)),
        ),
        Event.merchant_id == EventOrigin.merchant_id,
        Event.id == EventOrigin.event_id,
    )
    session.execute(delete(EventOrigin).where(theirs.exists()).execution_options(synchronize_session=False))
    # Emails about plans stay with what they are about; those about the account alone lose their text.
    about_account = Message.merchant_id == PORTAL_ID, Message.user_id == user.id
    emptied = (
        update(Message)
        .where(*about_account, Message.state != "queued")
        .values(subject=None, body=None, html=None, facts={})
    )
    session.execute(emptied.execution_options(synchronize_session=False))
    # No mailbox has this ending (RFC 2606), and nothing of the old address is in it.
    user.email = f"{uuid4().hex}@closed.invalid"
    user.username, user.username_key, user.name = user.email, fold(user.email), NAME
    user.password_hash, user.email_verified_at = None, None
    user.early_reminders_stopped_at = user.early_reminders_stopped_at or now
    user.deactivated_at = user.closed_at = now
    session.flush()
