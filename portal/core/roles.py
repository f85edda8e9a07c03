"""Roles, the permissions of a shop's members, and the actor that services receive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from .errors import N_, Forbidden
from .networks import browser_of, network_of

# The merchant row to which messages and events of no shop belong: the portal itself.
PORTAL_ID = UUID(int=0)


class Role(StrEnum):
    MERCHANT = "merchant"
    CUSTOMER = "customer"
    ADMIN = "admin"


class Permission(StrEnum):
    """What a member may do for the shop. Reading needs none of them."""

    OFFER = "offer"
    RECORD = "record"
    REFUND = "refund"
    CANCEL = "cancel"
    WRITE_OFF = "write_off"
    AMEND = "amend"
    EXPORT = "export"
    SETTINGS = "settings"
    KEYS = "keys"
    TEAM = "team"


class MemberRole(StrEnum):
    OWNER = "owner"
    MANAGER = "manager"
    SELLER = "seller"
    BOOKKEEPER = "bookkeeper"


# The one table of what each role in a shop may do.
PERMISSIONS: dict[MemberRole, frozenset[Permission]] = {
    MemberRole.OWNER: frozenset(Permission),
    MemberRole.MANAGER: frozenset(Permission) - {Permission.KEYS, Permission.TEAM},
    MemberRole.SELLER: frozenset({Permission.OFFER, Permission.RECORD, Permission.AMEND}),
    MemberRole.BOOKKEEPER: frozenset({Permission.EXPORT}),
}

# What a view asks for: a permission in the shop, or to be of some kind. ``Role.MERCHANT`` is any member of a shop, who
# may read; ``Role.CUSTOMER`` is everybody but the admins, since a person who sells may buy elsewhere.
Need = Role | Permission


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person, and the shop that they act for: ``member_of`` and ``member_role``, or None without one.

    ``currency``, ``timezone`` and ``csv_separator`` are that shop's; without one: empty, UTC, comma.
    ``shop_name`` is its name, and ``shop_count`` of how many the person is a member.
    ``must_verify``: this portal verifies addresses, and this person's is not verified yet. ``works_for`` is the shop of
    a member who is buying at the moment. ``shop_needs_second_factor``: the shop requires one of its team.
    ``shop_provider`` takes its customers' payments.
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
    member_of: UUID | None = None
    member_role: MemberRole | None = None
    shop_name: str = ""
    shop_count: int = 0
    works_for: UUID | None = None
    shop_needs_second_factor: bool = False
    shop_provider: str = "simulator"

    @property
    def merchant_id(self) -> UUID:
        """The shop that the person acts for. Raises ``Forbidden`` without one."""
        if self.member_of is None:
            raise Forbidden(N_("Only a shop can do this."))
        return self.member_of

    @property
    def permissions(self) -> frozenset[Permission]:
        return PERMISSIONS[self.member_role] if self.member_role else frozenset()

    def may(self, need: Need) -> bool:
        """Whether the person is what a view asks for."""
        if isinstance(need, Permission):
            return need in self.permissions
        if need is Role.MERCHANT:
            return self.member_of is not None
        return (self.role is Role.ADMIN) == (need is Role.ADMIN)

    def buying(self) -> Actor:
        """The same person as a customer, of whatever shops: what follows is read and done on plans of their own."""
        if self.member_of is None:
            return self
        return replace(
            self, member_of=None, member_role=None, works_for=self.member_of, currency="", timezone="UTC"
        )

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
