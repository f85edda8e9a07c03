"""Roles, and the actor that services receive."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from .networks import browser_of, network_of

# The merchant row to which messages and events of no shop belong: the portal itself.
PORTAL_ID = UUID(int=0)


class Role(StrEnum):
    MERCHANT = "merchant"
    CUSTOMER = "customer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person. ``currency``, ``timezone`` and ``csv_separator`` are a merchant's; others: empty, UTC, comma.

    A merchant's id is also the id of its row in ``merchants``. ``must_verify``: this portal verifies
    addresses, and this person's is not verified yet.
    """

    id: UUID
    role: Role
    name: str
    email: str
    username: str
    language: str
    session_version: int
    currency: str = ""
    timezone: str = "UTC"
    csv_separator: str = ","
    earlier_timezones: tuple[str, ...] = ()
    email_verified: bool = False
    must_verify: bool = False

    @property
    def timezones(self) -> tuple[str, ...]:
        """The shop's own time zone first, then those in which it may have plans from before."""
        return self.timezone, *self.earlier_timezones


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: network address and user agent, which are kept whole as evidence of an acceptance."""

    address: str
    user_agent: str

    @property
    def network(self) -> str:
        return network_of(self.address)

    @property
    def browser(self) -> str:
        return browser_of(self.user_agent)
