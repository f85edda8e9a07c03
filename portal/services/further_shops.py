"""A further shop of a person who has an account: it has an id of its own, and the person owns it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.core.accounts import NAME_LONGEST
from portal.core.calendar import is_time_zone
from portal.core.errors import N_, Conflict, collecting
from portal.core.money import EXPONENTS
from portal.core.roles import Actor, MemberRole, Role
from portal.core.text import clean_name
from portal.models import Member, Merchant, User, new_id

from . import events, verification

# Each new shop may send 50 offers a day, so one person cannot have any number of them.
MOST_OWNED = 5


def open_shop(
    session: Session, person: Actor, name: str, currency: str, timezone: str, now: datetime
) -> UUID:
    """Open the shop and return its id.

    Raises ``InvalidInput``, ``Forbidden`` while the address is not verified, and ``Conflict`` for an admin and for who
    owns five shops already, or a suspended one.
    """
    refuse_admins(person)
    verification.require_verified(person)
    with collecting() as faults:
        with faults.caught():
            name = clean_name(name, NAME_LONGEST)
        if currency not in EXPONENTS:
            faults.add("currency", N_("Choose a currency from the list."))
        if not is_time_zone(timezone):
            faults.add("timezone", N_("Choose a time zone from the list."))
    # Two requests at once are counted one after the other.
    session.execute(select(User.id).where(User.id == person.id).with_for_update(key_share=True))
    _require_room(session, person)
    shop_id = new_id()
    about = {"name": name, "support_email": person.email, "currency": currency, "timezone": timezone}
    session.add(Merchant(id=shop_id, user_id=person.id, created_at=now, **about))
    session.flush()
    session.add(Member(merchant_id=shop_id, user_id=person.id, role=MemberRole.OWNER, created_at=now))
    session.flush()
    events.record(session, "shop_opened", merchant_id=shop_id, actor_id=person.id, at=now)
    return shop_id


def refuse_admins(person: Actor) -> None:
    if person.role is Role.ADMIN:
        raise Conflict(N_("An admin's account has no shop."), code="admin")


def _require_room(session: Session, person: Actor) -> None:
    owned = (
        select(func.count(), func.count(Merchant.suspended_at))
        .join(Member, Member.merchant_id == Merchant.id)
        .where(Member.user_id == person.id, Member.role == MemberRole.OWNER)
    )
    count, suspended = session.execute(owned).one()
    if suspended:
        raise Conflict(
            N_("A shop of yours is suspended, so you cannot open another one. Contact support."),
            code="shop_suspended",
        )
    if count >= MOST_OWNED:
        raise Conflict(N_("You own %(count)s shops already, and nobody can own more."), count=MOST_OWNED)
