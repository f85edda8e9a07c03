"""The customers of a shop, each with an id of its own there, and the limits on offers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ScalarSelect, Select, func, select
from sqlalchemy.orm import Session, aliased

from portal.core.errors import N_, Conflict, InvalidInput, TooMany
from portal.core.states import PlanState
from portal.models import Acceptance, Customer, Member, Merchant, Plan, User

from .accounts import invite
from .transaction import insert_rows

DAY = timedelta(days=1)
MOST_OPEN_OFFERS = 20
ACCEPTANCES_PER_DOUBLING = 25
MOST_DOUBLINGS = 12


def receive_offer(session: Session, shop: Merchant, email: str, language: str, now: datetime) -> UUID:
    """The id of the user with this address, who becomes a customer of the shop; the shop's row is locked.

    Raises ``Conflict`` while too many offers of the shop wait for that person's answer, ``TooMany`` when the shop has
    sent as many offers to new addresses within a day as it may, ``InvalidInput`` where its offers were stopped. An
    address is answered alike whoever it belongs to.
    """
    invite(session, email, language, now)
    found = session.execute(_person(shop, email, now - DAY)).one()
    if found.is_member:
        raise InvalidInput.at("customer_email", N_("A member of your shop cannot be its customer."))
    if found.offers_stopped_at:
        raise InvalidInput.at(
            "customer_email",
            N_("This person has stopped all further offers from your shop."),
        )
    if found.open_offers >= MOST_OPEN_OFFERS:
        raise Conflict(
            N_(
                "This customer has %(count)s offers of yours to answer. Wait for an answer, or revoke an offer that is "
                "not needed any more."
            ),
            code="too_many_open_offers",
            count=MOST_OPEN_OFFERS,
        )
    if shop.offers_per_day is not None and not found.accepted and found.sent >= shop.offers_per_day:
        _check_offers_of_the_day(session, shop.id, shop.offers_per_day, now)
    if found.customer_id is None:
        customer = {"merchant_id": shop.id, "id": uuid4(), "user_id": found.id, "created_at": now}
        insert_rows(session, Customer, [customer])
    return found.id


def _person(shop: Merchant, email: str, since: datetime) -> Any:
    """The user, locked, with what the shop and the person have to do with one another, and how much it sent lately."""

    def of_this_shop(*columns: Any) -> Any:
        return select(*columns).where(Plan.merchant_id == shop.id, Plan.customer_id == User.id)

    open_offers: ScalarSelect[int] = (
        of_this_shop(func.count()).where(Plan.state == PlanState.OFFERED).scalar_subquery()
    )
    accepted = of_this_shop(Plan.id).where(Plan.acceptance_id.is_not(None)).exists()
    sent = _sent_to_new_people(shop.id, since, shop.offers_per_day or 0).subquery()
    return (
        select(
            User.id,
            Customer.id.label("customer_id"),
            Customer.offers_stopped_at,
            open_offers.label("open_offers"),
            select(Member.user_id)
            .where(Member.merchant_id == shop.id, Member.user_id == User.id)
            .exists()
            .label("is_member"),
            accepted.label("accepted"),
            select(func.count()).select_from(sent).scalar_subquery().label("sent"),
        )
        .outerjoin(Customer, (Customer.merchant_id == shop.id) & (Customer.user_id == User.id))
        .where(User.email == email)
        .with_for_update(of=User, key_share=True)
    )


def _check_offers_of_the_day(session: Session, shop_id: UUID, per_day: int, now: datetime) -> None:
    """Raise ``TooMany`` unless fewer offers went to new addresses in the last 24 hours than the shop may send.

    The shop's row is locked, so that no other offer of it is counted meanwhile.
    """
    allowed = per_day * 2 ** _doublings(session, shop_id)
    sent = session.scalars(_sent_to_new_people(shop_id, now - DAY, allowed)).all()
    if len(sent) < allowed:
        return
    # The oldest of so many leaves the window first; without any, nothing changes by waiting.
    wait = sent[-1] + DAY - now if sent else DAY
    raise TooMany(
        N_(
            "Your shop can send %(count)s offers in 24 hours to customers who have not accepted one yet. Try again "
            "later; the limit rises when customers accept."
        ),
        max(int(wait.total_seconds()), 0) + 1,
        code="too_many_offers",
        count=allowed,
    )


def _sent_to_new_people(shop_id: UUID, since: datetime, most: int) -> Select[datetime]:
    """When the latest offers went to people who never accepted one, at most so many, newest first."""
    other = aliased(Plan)
    accepted = other.customer_id == Plan.customer_id, other.merchant_id == shop_id
    return (
        select(Plan.created_at)
        .where(
            Plan.merchant_id == shop_id,
            Plan.created_at > since,
            ~select(other.id).where(*accepted, other.acceptance_id.is_not(None)).exists(),
        )
        .order_by(Plan.created_at.desc())
        .limit(most)
    )


def _doublings(session: Session, shop_id: UUID) -> int:
    """How often the limit has doubled by use; so many acceptances are counted and no more."""
    most = MOST_DOUBLINGS * ACCEPTANCES_PER_DOUBLING
    counted = select(Acceptance.plan_id).where(Acceptance.merchant_id == shop_id).limit(most).subquery()
    return session.scalars(select(func.count()).select_from(counted)).one() // ACCEPTANCES_PER_DOUBLING
