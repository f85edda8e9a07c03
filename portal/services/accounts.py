"""Accounts: opened, claimed, changed and deactivated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.adapters.payments.simulator import TestCard
from portal.core import accounts as rules
from portal.core.calendar import is_time_zone
from portal.core.errors import N_, Conflict, InvalidInput, NotFound, collecting
from portal.core.languages import ENGLISH, check_language
from portal.core.links import Purpose
from portal.core.money import EXPONENTS
from portal.core.passwords import check_password
from portal.core.roles import PORTAL_ID, Actor, Origin, Role
from portal.core.text import clean_line, clean_name, fold
from portal.models import Member, Merchant, Plan, User, UserToken, new_id

from . import events, members, search_words, second_factor, sessions, shops
from .notifications import notify_person
from .transaction import insert_once


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What a person signs up with, in which language; ``currency`` and ``timezone`` count for merchants only."""

    role: Role
    name: str
    email: str
    username: str
    password: str
    password2: str
    currency: str
    timezone: str
    language: str = ENGLISH


def check_account(new: NewAccount) -> NewAccount:
    """The account in the spelling that is stored. Raises one ``InvalidInput`` naming every field at fault."""
    name, email, username = new.name, new.email, new.username
    with collecting() as faults:
        with faults.caught():
            name = clean_name(new.name, rules.NAME_LONGEST)
        with faults.caught():
            email = rules.clean_email(new.email)
        with faults.caught():
            # The username defaults to the email; only emails may contain "@".
            username = rules.clean_username(new.username) if new.username != new.email else email
        with faults.caught():
            check_password(new.password, new.password2, name=name, email=email, username=username)
        if new.role is Role.MERCHANT and new.currency not in EXPONENTS:
            faults.add("currency", N_("Choose a currency from the list."))
        if new.role is Role.MERCHANT and not is_time_zone(new.timezone):
            faults.add("timezone", N_("Choose a time zone from the list."))
    return replace(new, name=name, email=email, username=username)


def sign_up(
    session: Session, new: NewAccount, password_hash: str, now: datetime, *, verify: bool = False
) -> UUID:
    """Open the checked account and return its id; an invited address is claimed together with its offers.

    Where addresses are verified (``verify``), an earlier sign-up that nobody confirmed gives way to this one. Raises
    ``InvalidInput`` at ``email`` or ``username`` if somebody has it already.
    """
    user = find_or_invite(session, new.email, new.language, now)
    if is_taken(session, user, verify):
        raise InvalidInput.at(
            "email", N_("An account with this email address already exists. Sign in instead.")
        )
    if user.deactivated_at:
        raise InvalidInput.at("email", N_("This address cannot be used here. Contact support."))
    if user.password_hash:
        end_unproved(session, user)
        session.execute(delete(Member).where(Member.user_id == user.id))
    user.username, user.username_key = new.username, fold(new.username)
    user.name, user.role, user.password_hash = new.name, new.role, password_hash
    user.language = new.language
    try:
        session.flush()
    except IntegrityError as error:
        raise InvalidInput.at("username", N_("That username is taken.")) from error
    if new.role is Role.MERCHANT:
        members.open_shop(session, user.id, new.name, new.email, new.currency, new.timezone, now)
    events.record(session, "account_opened", merchant_id=PORTAL_ID, actor_id=user.id, at=now, role=new.role)
    return user.id


def is_taken(session: Session, user: User, verify: bool) -> bool:
    """Whether nobody can sign up with this user's address any more; without ``verify`` the first sign-up counts."""
    return user.password_hash is not None and not (verify and is_unproved(session, user))


def is_unproved(session: Session, user: User) -> bool:
    """Whether nobody has proved that the user's address is theirs, and the account has not been used: nobody has bought
    with it, and the shops that it acts for have offered nothing and have no other members.
    """
    if user.email_verified_at or user.role == Role.ADMIN:
        return False
    theirs = select(Member.merchant_id).where(Member.user_id == user.id)
    bought = (Plan.customer_id == user.id) & Plan.acceptance_id.is_not(None)
    traded = select(Plan.id).where(or_(Plan.merchant_id.in_(theirs), bought))
    colleagues = select(Member.user_id).where(Member.merchant_id.in_(theirs), Member.user_id != user.id)
    return not session.scalar(select(or_(traded.exists(), colleagues.exists())))


def find_or_invite(session: Session, email: str, language: str, now: datetime) -> User:
    """The user with this address, locked; made without a password if there is none: it waits to be claimed."""
    theirs = select(User).where(User.email == email).with_for_update(key_share=True)
    invite(session, email, language, now)
    found = session.scalars(theirs).one_or_none()
    if found is None:
        # The account with this address was closed, or its address changed, meanwhile.
        invite(session, email, language, now)
        found = session.scalars(theirs).one()
    return found


def invite(session: Session, email: str, language: str, now: datetime) -> None:
    """Make a user of this address unless there is one.

    Nothing is known of the person but the shop that makes the offer, so the first email is in its ``language``.
    """
    invited = {
        "id": new_id(),
        "email": email,
        "username": email,
        "username_key": email,
        "name": email,
        "role": Role.CUSTOMER,
        "session_version": 1,
        "language": language,
        "test_card": TestCard.SUCCEEDS,
        "created_at": now,
    }
    insert_once(session, User, [invited])


def change_profile(
    session: Session, actor: Actor, name: str, language: str, test_card: str, now: datetime
) -> None:
    """Change the display name, the language and the test card. Raises ``InvalidInput``."""
    name = clean_name(name, rules.NAME_LONGEST)
    if test_card not in list(TestCard):
        raise InvalidInput.at("test_card", N_("Choose a test card from the list."))
    values = {"name": name, "test_card": test_card}
    session.execute(update(User).where(User.id == actor.id).values(**values))
    if name != actor.name:
        search_words.rename_customer(session, actor.id)
    if language != actor.language:
        choose_language(session, actor, language, now)
    events.record(session, "profile_changed", merchant_id=PORTAL_ID, actor_id=actor.id, at=now)


def choose_early_reminders(session: Session, user_id: UUID, wanted: bool, now: datetime) -> None:
    """Whether the person is reminded before an installment is due. Overdue notices are mandatory. Safe to repeat."""
    stopped = User.early_reminders_stopped_at
    changed = session.execute(
        update(User)
        .where(User.id == user_id, stopped.is_not(None) if wanted else stopped.is_(None))
        .values(early_reminders_stopped_at=None if wanted else now)
        .returning(User.id)
    ).first()
    if changed:
        events.record(session, "profile_changed", merchant_id=PORTAL_ID, actor_id=user_id, at=now)


def choose_language(session: Session, actor: Actor, language: str, now: datetime) -> None:
    """The language of pages, emails and the calendar of this person. Raises ``InvalidInput``."""
    values = {"language": check_language(language), "language_chosen_at": now}
    session.execute(update(User).where(User.id == actor.id).values(**values))


def change_password(
    session: Session, user_id: UUID, password_hash: str, now: datetime, *, keep: UUID | None = None
) -> None:
    """Set a new password; the user's sessions but the one to ``keep``, tokens and calendar address end."""
    user = lock_user(session, user_id)
    user.password_hash = password_hash
    end_access(session, user, keep)
    events.record(session, "password_changed", merchant_id=PORTAL_ID, actor_id=user_id, at=now)
    notify_person(session, "password_changed", user_id, now, changed_at=now.isoformat())


def request_reset(session: Session, email: str, origin: Origin, now: datetime) -> None:
    """Queue an email with a link to a new password, at most one a minute, for the active user of this address.

    It says nothing about whether there is such a user. The request is recorded if it queued an email. Raises
    ``InvalidInput`` for what is no email address at all.
    """
    user_id = _find_who_can_sign_in(session, email)
    if user_id:
        # The same minute has the same cause, of which the outbox takes one email only.
        cause = uuid5(user_id, f"{now:%Y-%m-%d %H:%M}")
        if notify_person(session, "password_reset", user_id, now, cause):
            _record_reset(session, "reset_requested", user_id, now, origin)


def make_reset_link(session: Session, email: str, now: datetime) -> tuple[UUID, int]:
    """Whose password the operator's link sets, and the session version that it ends. Raises ``InvalidInput``."""
    user_id = _find_who_can_sign_in(session, email)
    if user_id is None:
        raise InvalidInput.at("email", N_("Nobody can sign in with this email address."))
    _record_reset(session, "reset_link_made", user_id, now)
    return user_id, session.scalars(select(User.session_version).where(User.id == user_id)).one()


def _find_who_can_sign_in(session: Session, email: str) -> UUID | None:
    return session.scalars(
        select(User.id).where(
            User.email == rules.clean_email(email),
            User.password_hash.is_not(None),
            User.deactivated_at.is_(None),
        )
    ).first()


def _record_reset(
    session: Session, event: str, user_id: UUID, now: datetime, origin: Origin | None = None
) -> None:
    """The holder of a link is not proven to be the user, so no actor is recorded."""
    events.record(session, event, merchant_id=PORTAL_ID, at=now, origin=origin, user=str(user_id))


def reset_password(
    session: Session,
    user_id: UUID,
    session_version: int,
    password_hash: str,
    origin: Origin,
    now: datetime,
    *,
    verify: bool = False,
) -> None:
    """Set a new password with a link, which is valid for one ``session_version``.

    Where addresses are verified (``verify``), the link proves the address, which ends the second factor of whoever
    had signed up with it. Raises ``Conflict`` once the password was
    changed or the user deactivated since: a link works once.
    """
    user = lock_user(session, user_id)
    if user.session_version != session_version or user.deactivated_at is not None:
        raise Conflict(N_("This link has been used or replaced. Ask for a new one."), code="link_spent")
    _record_reset(session, "reset_link_used", user_id, now, origin)
    if verify and user.email_verified_at is None:
        user.email_verified_at = now
        second_factor.remove(session, user_id)
        events.record(session, "email_verified", merchant_id=PORTAL_ID, actor_id=user_id, at=now)
    change_password(session, user_id, password_hash, now)


def change_shop(
    session: Session,
    merchant: Actor,
    name: str,
    support_email: str,
    timezone: str,
    now: datetime,
    currency: str | None = None,
) -> None:
    """Change what customers see of a shop; its ``currency`` only until the first offer. Raises ``InvalidInput``."""
    with collecting() as faults:
        with faults.caught():
            name = clean_name(name, rules.NAME_LONGEST)
        with faults.caught():
            support_email = rules.clean_email(support_email, "support_email")
        if not is_time_zone(timezone):
            faults.add("timezone", N_("Choose a time zone from the list."))
        if currency is not None and currency not in EXPONENTS:
            faults.add("currency", N_("Choose a currency from the list."))
    shop = session.scalars(
        select(Merchant)
        .where(Merchant.id == merchant.merchant_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()
    if currency is not None and currency != shop.currency:
        shops.change_currency(shop, currency)
    # Plans keep the zone of their terms; the daily job still visits it.
    zones = dict.fromkeys([shop.timezone, *shop.earlier_timezones])
    shop.earlier_timezones = [zone for zone in zones if zone != timezone]
    shop.name, shop.support_email, shop.timezone = name, support_email, timezone
    events.record(session, "shop_changed", merchant_id=shop.id, actor_id=merchant.id, at=now)


def choose_csv_separator(session: Session, merchant: Actor, separator: str) -> None:
    """Set the separator of a shop's CSV files. Raises ``InvalidInput``."""
    if separator not in rules.CSV_SEPARATORS:
        raise InvalidInput.at("csv_separator", N_("Choose a separator from the list."))
    session.execute(
        update(Merchant).where(Merchant.id == merchant.merchant_id).values(csv_separator=separator)
    )


def name_accounts(session: Session, merchant: Actor, numbers: dict[str, str], now: datetime) -> None:
    """Set a shop's own numbers of the ledger's accounts; empty ones have none. Raises ``InvalidInput``."""
    named = {}
    with collecting() as faults:
        for account, number in numbers.items():
            with faults.caught():
                named[account] = clean_line(
                    number, account, longest=rules.ACCOUNT_NUMBER_LONGEST, required=False
                )
    kept = {account: number for account, number in named.items() if number}
    session.execute(update(Merchant).where(Merchant.id == merchant.merchant_id).values(account_numbers=kept))
    events.record(session, "shop_changed", merchant_id=merchant.merchant_id, at=now, actor_id=merchant.id)


def create_admin(session: Session, email: str, password_hash: str, now: datetime) -> UUID:
    """Make an admin; only the command line can. Raises ``InvalidInput`` if the address is taken."""
    if session.scalars(select(User.id).where(User.email == email)).first():
        raise InvalidInput.at("email", N_("An account with this email address already exists."))
    user = User(
        id=new_id(),
        email=email,
        username=email,
        username_key=email,
        name=N_("Admin"),
        role=Role.ADMIN,
        password_hash=password_hash,
        created_at=now,
    )
    session.add(user)
    session.flush()
    events.record(session, "admin_created", merchant_id=PORTAL_ID, at=now, actor_id=user.id)
    return user.id


def deactivate(session: Session, admin: Actor, user_id: UUID, now: datetime) -> None:
    """End a user's sessions and stop sign-in; plans stay as they are. A shop without another owner is suspended.

    Raises ``Conflict`` for oneself.
    """
    if user_id == admin.id:
        raise Conflict(N_("You cannot deactivate yourself."))
    user = lock_user(session, user_id)
    if user.deactivated_at is None:
        user.deactivated_at = now
        end_access(session, user)
        events.record(
            session, "user_deactivated", merchant_id=PORTAL_ID, actor_id=admin.id, at=now, user=str(user_id)
        )
        for shop_id in members.shops_left_without_owner(session, user_id):
            shops.suspend(session, admin, shop_id, now)


def reactivate(session: Session, admin: Actor, user_id: UUID, now: datetime) -> None:
    """Let a deactivated user sign in again; the user's shop stays suspended until that is lifted.

    Raises ``Conflict`` for an account that its owner has closed.
    """
    user = lock_user(session, user_id)
    if user.closed_at:
        raise Conflict(N_("This account was closed by its owner and cannot be opened again."))
    if user.deactivated_at is not None:
        user.deactivated_at = None
        end_access(session, user)
        events.record(
            session, "user_reactivated", merchant_id=PORTAL_ID, actor_id=admin.id, at=now, user=str(user_id)
        )


def end_unproved(session: Session, user: User) -> None:
    """End all that somebody has who signed up with the address and never proved it, the second factor too."""
    end_access(session, user)
    second_factor.remove(session, user.id)


def end_access(session: Session, user: User, keep: UUID | None = None) -> None:
    """Revoke all access as the user: sessions, tokens, links that set a password or an address, the calendar's own."""
    user.session_version += 1
    user.calendar_key = None
    changing = UserToken.purpose == Purpose.CHANGE_EMAIL, UserToken.used_at.is_(None)
    session.execute(delete(UserToken).where(UserToken.user_id == user.id, *changing))
    sessions.end_all(session, user.id, keep)


def lock_user(session: Session, user_id: UUID) -> User:
    """Other transactions can still write rows that refer to the user: none waits for this one in a circle."""
    user = session.scalars(
        select(User).where(User.id == user_id).with_for_update(key_share=True)
    ).one_or_none()
    if user is None:
        raise NotFound()
    return user


def email_of(session: Session, user_id: UUID) -> str:
    return session.scalars(select(User.email).where(User.id == user_id)).one()
