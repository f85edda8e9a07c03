"""Sessions: opened by a password, seen, and ended one by one or all at once."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Exists, delete, exists, select, true, update
from sqlalchemy.orm import Session

from portal.core.errors import N_, Busy, InvalidInput, NotFound
from portal.core.roles import PORTAL_ID, Actor, Origin
from portal.core.sessions import SEEN_EVERY
from portal.models import Event, EventOrigin, Member, User, UserSession, UserToken
from portal.models.users import DEFAULT_SHOP

from . import events, second_factor
from .notifications import notify_person
from .transaction import insert_rows, unit_of_work


def open_session(
    session: Session,
    user_id: UUID,
    version: int,
    origin: Origin,
    now: datetime,
    lasts: timedelta,
    *,
    known_device: bool = False,
    with_code: bool = False,
    shop_id: UUID | None = None,
) -> UUID | None:
    """A new session's id, the event that it began, and an email if the device is a new one. It acts for the shop
    ``shop_id``, or for the person's first.

    None where a second factor is in force and the person signs in without it (``with_code``). None too if the password
    was changed or the user deactivated since ``version`` was read with it: a session must not outlive the password that
    opened it, so a password change waits for this row or is seen here. Raises ``InvalidInput`` at ``merchant`` for a
    shop that is not the person's.
    """
    current = session.execute(
        select(User.session_version, DEFAULT_SHOP)
        .where(
            User.id == user_id,
            User.deactivated_at.is_(None),
            true() if with_code else ~second_factor.in_force(user_id),
        )
        .with_for_update(read=True, of=User)
    ).first()
    if current is None or current[0] != version:
        return None
    if shop_id and not session.scalar(select(_is_member(user_id, shop_id))):
        raise InvalidInput.at("merchant", N_("You are not a member of this shop."))
    # Unlike other ids this one must not be guessed from when it was made.
    session_id = uuid4()
    about = {"id": session_id, "user_id": user_id, "browser": origin.browser, "network": origin.network}
    about["merchant_id"] = shop_id or current[1]
    times = {"created_at": now, "last_seen_at": now, "ends_at": now + lasts, "confirmed_at": now}
    if not known_device and _is_new_device(session, user_id, origin):
        facts = {"browser": origin.browser, "network": origin.network, "signed_in_at": now.isoformat()}
        notify_person(session, "new_device", user_id, now, session_id, **facts)
    insert_rows(session, UserSession, [about | times])
    events.record(session, "signed_in", merchant_id=PORTAL_ID, actor_id=user_id, at=now, origin=origin)
    return session_id


def _is_member(user_id: UUID, shop_id: UUID) -> Exists:
    return exists().where(Member.merchant_id == shop_id, Member.user_id == user_id)


def _is_new_device(session: Session, user_id: UUID, origin: Origin) -> bool:
    """Whether the person has signed in before, and never from this browser and network as far as that is kept."""
    before = select(Event.id).where(
        Event.merchant_id == PORTAL_ID, Event.actor_id == user_id, Event.kind == "signed_in"
    )
    from_here = before.join(
        EventOrigin, (EventOrigin.merchant_id == Event.merchant_id) & (EventOrigin.event_id == Event.id)
    ).where(EventOrigin.network == origin.network, EventOrigin.browser == origin.browser)
    return bool(session.scalar(select(before.exists() & ~from_here.exists())))


def has_signed_in_from(session: Session, user_id: UUID | None, network: str) -> bool:
    """Whether the person has signed in from this network, as far as that is kept."""
    from_there = (
        select(Event.id)
        .join(
            EventOrigin, (EventOrigin.merchant_id == Event.merchant_id) & (EventOrigin.event_id == Event.id)
        )
        .where(Event.merchant_id == PORTAL_ID, Event.actor_id == user_id, Event.kind == "signed_in")
        .where(EventOrigin.network == network)
    )
    return bool(session.scalar(select(from_there.exists())))


def see(session: Session, session_id: UUID, last_seen_at: datetime, now: datetime) -> None:
    """Update the session's last use, every five minutes at most, in a unit of work of its own.

    It is left to the next request when the database is busy, which is not waited for, and in the middle of other work.
    """
    if now - last_seen_at < SEEN_EVERY or session.info.get("in_unit_of_work"):
        return
    seen = update(UserSession).where(UserSession.id == session_id, UserSession.last_seen_at < now)
    with suppress(Busy), unit_of_work(session, waits=False):
        session.execute(seen.values(last_seen_at=now))


def confirm(session: Session, session_id: UUID, now: datetime) -> None:
    """Note that the session's person has proved again who they are."""
    confirmed = update(UserSession).where(UserSession.id == session_id)
    session.execute(confirmed.values(confirmed_at=now))


def act_for(session: Session, session_id: UUID, actor: Actor, shop_id: UUID) -> None:
    """Let one of the actor's own sessions act for another shop of theirs. Raises ``NotFound``."""
    own = UserSession.id == session_id, UserSession.user_id == actor.id, _is_member(actor.id, shop_id)
    changed = update(UserSession).where(*own)
    if not session.scalars(changed.values(merchant_id=shop_id).returning(UserSession.id)).all():
        raise NotFound()


def end_for_shop(session: Session, user_id: UUID, shop_id: UUID) -> None:
    """End the sessions in which the user acts for this shop, and their tokens."""
    acting = UserSession.user_id == user_id, UserSession.merchant_id == shop_id
    session.execute(delete(UserSession).where(*acting))


def end(session: Session, actor: Actor, session_id: UUID, origin: Origin, now: datetime) -> None:
    """End one of the actor's own sessions and its tokens. Raises ``NotFound``."""
    own = delete(UserSession).where(UserSession.id == session_id, UserSession.user_id == actor.id)
    if session.scalars(own.returning(UserSession.id)).first() is None:
        raise NotFound()
    _record_end(session, actor, 1, origin, now)


def end_others(session: Session, actor: Actor, keep: UUID, origin: Origin, now: datetime) -> int:
    """End all of the actor's own sessions but one; returns how many."""
    ended = end_all(session, actor.id, keep)
    if ended:
        _record_end(session, actor, ended, origin, now)
    return ended


def end_all(session: Session, user_id: UUID, keep: UUID | None = None) -> int:
    """End the user's sessions and their tokens, but for the one to ``keep``; returns how many."""
    theirs = delete(UserSession).where(UserSession.user_id == user_id)
    if keep:
        theirs = theirs.where(UserSession.id != keep)
    return len(session.scalars(theirs.returning(UserSession.id)).all())


def forget_ended(session: Session, now: datetime) -> None:
    """Remove the sessions that are over."""
    session.execute(delete(UserSession).where(UserSession.ends_at <= now))


def _record_end(session: Session, actor: Actor, count: int, origin: Origin, now: datetime) -> None:
    events.record(
        session,
        "session_ended",
        merchant_id=PORTAL_ID,
        actor_id=actor.id,
        at=now,
        origin=origin,
        count=count,
    )


# More than the times that an account's access is ended between a backup and its restore.
STEPS_SINCE_A_BACKUP = 1000


def end_all_access(session: Session) -> int:
    """End the sessions, links and calendar addresses of everybody; returns how many sessions that were.

    After a restore they are as they were in the backup. The version is raised far enough that no link made since the
    backup becomes valid again.
    """
    version = User.session_version + STEPS_SINCE_A_BACKUP
    session.execute(update(User).values(session_version=version, calendar_key=None))
    session.execute(delete(UserToken))
    return len(session.scalars(delete(UserSession).returning(UserSession.id)).all())
