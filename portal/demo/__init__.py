"""The demo data: a year of two shops, made by the real services; loaded once."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import Connection, Engine, select
from sqlalchemy.orm import Session

from portal.adapters.passwords import Passwords
from portal.core.errors import N_, Conflict
from portal.core.roles import Role
from portal.extensions import adapters
from portal.models import User

from .history import History
from .people import ADMIN, AMARA, BEN, BICYCLES, DANA, FURNITURE, JONAS, OMAR, PASSWORD, PEOPLE


def load(session: Session, passwords: Passwords, now: datetime) -> bool:
    """Load the demo as of ``now``; return False without a change if it is already loaded.

    All of it is one transaction, which the services' own commits do not end and any rollback does: an interrupted
    load leaves nothing behind. Raises ``Conflict`` when one of its addresses belongs to somebody else, and where the
    portal has a public address, since everybody knows the demo's password.
    """
    if urlsplit(current_app.config["PORTAL_URL"]).hostname not in ("127.0.0.1", "localhost", "::1"):
        message = N_("Demo sign-ins are public, so the demo needs a loopback PORTAL_URL: set PORTAL_DEMO=0.")
        raise Conflict(message)
    password_hash = passwords.hash(PASSWORD)
    session.rollback()
    engine = session.get_bind()
    assert isinstance(engine, Engine)  # noqa: S101 - the portal's sessions are bound to no open connection
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        if _is_there(connection):
            return False
        # Not one of the portal's own sessions, whose every commit wakes the worker: here nothing waits for it.
        with Session(connection, expire_on_commit=False, join_transaction_mode="rollback_only") as year:
            History(year, adapters().emails.write, password_hash, now).happen()
    return True


def sign_ins() -> list[tuple[Role, str, str]]:
    """The demo's sign-ins: role, email address and the shared password."""
    people = [(Role.MERCHANT, shop.email) for shop in (FURNITURE, BICYCLES, DANA, OMAR)]
    people += [(Role.CUSTOMER, customer.email) for customer in (AMARA, BEN, JONAS)]
    return [(role, email, PASSWORD) for role, email in [(Role.ADMIN, ADMIN), *people]]


def _is_there(connection: Connection) -> bool:
    """Whether the first shop exists. Without it the other addresses have to be free."""
    addresses = [ADMIN, *(person.email for person in PEOPLE)]
    taken = set(connection.scalars(select(User.email).where(User.email.in_(addresses))))
    if taken and FURNITURE.email not in taken:
        raise Conflict(
            N_("%(email)s has an account that is not the demo's, so the demo was not loaded."),
            email=min(taken),
        )
    return bool(taken)
