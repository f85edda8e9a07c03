"""A shop and its customer for tests of the services; what a test leaves behind has to pass the self-check."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from portal.core.roles import Actor
from portal.extensions import now
from portal.queries.read_models import PlanView
from tests import factories

from .providing import connected, doors, provider, standin  # noqa: F401
from .saving_cards import card_page, plan_page, saved_card  # noqa: F401


@pytest.fixture
def shop(session: Session) -> Iterator[Actor]:
    """A merchant in USD and UTC; after the test every invariant of the self-check must hold."""
    yield factories.make_merchant(session)
    assert factories.broken_invariants(session) == []


@pytest.fixture
def ada(session: Session, shop: Actor) -> Actor:
    """A registered customer, who owes nothing yet."""
    return factories.make_customer(session)


@pytest.fixture
def plan(session: Session, shop: Actor, ada: Actor) -> PlanView:
    """100.00 in three, accepted today; the first part is due today."""
    plan_id = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    return factories.plan_of(session, ada, plan_id, now())


@pytest.fixture
def pay_first(plan: PlanView) -> str:
    """Where the button of the first installment posts to."""
    return f"/customer/installments/{plan.installments[0].id}/pay"


@pytest.fixture
def paid_in_two(session: Session, shop: Actor, ada: Actor) -> tuple[UUID, list[UUID]]:
    """A plan of 100.00 in two, and its two payments of 50.00 each."""
    plan_id = factories.accepted_plan(session, shop, ada, parts=2)
    return plan_id, [factories.pay(session, ada, plan_id, number).payment_id for number in (1, 2)]
