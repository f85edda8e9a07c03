"""A shop and its customer for tests of the services; what a test leaves behind has to pass the self-check."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from portal.core.roles import Actor
from tests import factories


@pytest.fixture
def shop(session: Session) -> Iterator[Actor]:
    """A merchant in USD and UTC; after the test every invariant of the self-check must hold."""
    yield factories.make_merchant(session)
    assert factories.broken_invariants(session) == []


@pytest.fixture
def ada(session: Session, shop: Actor) -> Actor:
    """A registered customer, who owes nothing yet."""
    return factories.make_customer(session)
