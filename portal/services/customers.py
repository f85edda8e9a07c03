"""The customers of a shop, each with an id of its own there, and the limits on offers."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import bindparam, exists, func, select
from sqlalchemy.orm import Session, aliased

from portal.core.errors import N_, Conflict, InvalidInput, TooMany
from portal.core.imports import RowState
from portal.core.states import PlanState
from portal.models import Acceptance, Customer, ImportRow, Member, Merchant, Plan, User

from .accounts import invite
from .transaction import insert_rows

DAY = timedelta(days=1)
MOST_OPEN_OFFERS = 20
ACCEPTANCES_PER_DOUBLING = 25
MOST_DOUBLINGS = 12


# When the latest offers went to people who never accepted one, at most ``most``, newest first. Built once: building a
# statement takes longer than running it.
_OTHER = aliased(Plan)
_SENT_TO_NEW_PEOPLE = (
    select(Plan.created_at)
    .where(
        Plan.merchant_id == bindparam("shop"),
        Plan.created_at > bindparam("since"),
        ~select(_OTHER.id)
        .where(
            _OTHER.customer_id == Plan.customer_id,
            _OTHER.merchant_id == bindparam("shop"),
            _OTHER.acceptance_id.is_not(None),
        )
        .exists(),
    )
    .order_by(Plan.created_at.desc())
    .limit(bindparam("most"))
)
_OF_THIS_PERSON = Plan.merchant_id == bindparam("shop"), Plan.customer_id == User.id
# The user, locked, with what the shop and the person have to do with one another, and how much it sent lately.
_PERSON = (
    select(
        User.id,
        Customer.id.label("customer_id"),
        Customer.offers_stopped_at,
        select(func.count())
        .where(*_OF_THIS_PERSON, Plan.state == PlanState.OFFERED)
        .scalar_subquery()
        .label("open_offers"),
        select(Member.user_id)
        .where(Member.merchant_id == bindparam("shop"), Member.user_id == User.id)
        .exists()
        .label("is_member"),
        select(Plan.id).where(*_OF_THIS_PERSON, Plan.acceptance_id.is_not(None)).exists().label("accepted"),
        select(func.count()).select_from(_SENT_TO_NEW_PEOPLE.subquery()).scalar_subquery().label("sent"),
    )
    .outerjoin(Customer, (Customer.merchant_id == bindparam("shop")) & (Customer.user_id == User.id))
    .where(User.email == bindparam("email"))
    .with_for_update(of=User, key_share=True)
)


def receive_offer(session: Session, shop: Merchant, email: str, language: str, now: datetime) -> UUID:
    """The id of the user with this address, who becomes a customer of the shop; the shop's row is locked.

    Raises ``Conflict`` while too many offers of the shop wait for that person's answer, ``TooMany`` when the shop has
    sent as many offers to new addresses within a day as it may, ``InvalidInput`` where its offers were stopped. An
    address is answered alike whoever it belongs to.
    """
    asked = {"shop": shop.id, "email": email, "since": now - DAY, "most": shop.offers_per_day or 0}
    invite(session, email, language, now)
    found = session.execute(_PERSON, asked).one_or_none()
    if found is None:
        # The account with this address was closed, or its address changed, meanwhile.
        invite(session, email, language, now)
        found = session.execute(_PERSON, asked).one()
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


_LIMIT = N_(
    "Your shop can send %(count)s offers in 24 hours to customers who have not accepted one yet. Try again later; the "
    "limit rises when customers accept."
)
_LIMIT_WITH_IMPORT = N_(
    "Your shop can send %(count)s offers in 24 hours to customers who have not accepted one yet, and an import of "
    "yours is being sent at this limit. Try again once it is sent; the limit rises when customers accept."
)


def _check_offers_of_the_day(session: Session, shop_id: UUID, per_day: int, now: datetime) -> None:
    """Raise ``TooMany`` unless fewer offers went to new addresses in the last 24 hours than the shop may send.

    The shop's row is locked, so that no other offer of it is counted meanwhile.
    """
    allowed = _allowed(session, shop_id, per_day)
    sent = session.scalars(_SENT_TO_NEW_PEOPLE, {"shop": shop_id, "since": now - DAY, "most": allowed}).all()
    if len(sent) < allowed:
        return
    # The oldest of so many leaves the window first; without any, nothing changes by waiting.
    wait = sent[-1] + DAY - now if sent else DAY
    waiting = ImportRow.merchant_id == shop_id, ImportRow.state == RowState.WAITING
    raise TooMany(
        _LIMIT_WITH_IMPORT if session.scalar(select(exists().where(*waiting))) else _LIMIT,
        max(int(wait.total_seconds()), 0) + 1,
        code="too_many_offers",
        count=allowed,
    )


def offers_of_a_day(session: Session, shop_id: UUID) -> int | None:
    """How many offers the shop may send within a day to people who have not accepted one; None without a limit."""
    per_day = session.scalars(select(Merchant.offers_per_day).where(Merchant.id == shop_id)).one()
    return None if per_day is None else _allowed(session, shop_id, per_day)


def _allowed(session: Session, shop_id: UUID, per_day: int) -> int:
    return int(per_day * 2 ** _doublings(session, shop_id))


def _doublings(session: Session, shop_id: UUID) -> int:
    """How often the limit has doubled by use; so many acceptances are counted and no more."""
    most = MOST_DOUBLINGS * ACCEPTANCES_PER_DOUBLING
    counted = select(Acceptance.plan_id).where(Acceptance.merchant_id == shop_id).limit(most).subquery()
    return session.scalars(select(func.count()).select_from(counted)).one() // ACCEPTANCES_PER_DOUBLING
