"""Two shops with everything to which a foreign key can lead."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from .sound_rows import Shop
from .sound_shops import make_shop


@pytest.fixture
def database_role() -> str:
    """The tables' own rules are tried by their owner, whom no missing right stops."""
    return "owner"


@pytest.fixture
def shop(session: Session) -> Shop:
    return make_shop(session, "Corner Shop")


@pytest.fixture
def other(session: Session) -> Shop:
    return make_shop(session, "Other Shop")
