"""The people of the demo: an admin, two shops, their customers, and those who never signed up after an invitation."""

from __future__ import annotations

from dataclasses import dataclass

from portal.core.roles import MemberRole, Role

# Known to every reader of the source: the demo is for looking at, never for a portal that people use.
PASSWORD = "two-matching-halves"  # noqa: S105

ADMIN = "admin@example.com"

# The day on which the portal was set up, counted from today.
OPENING = -412

NEW_YORK, BERLIN = "America/New_York", "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class Person:
    """``joined`` is the day of signing up, counted from today; None for who was invited and has not come yet."""

    email: str
    name: str
    joined: int | None
    timezone: str
    role: Role = Role.CUSTOMER
    currency: str = ""


FURNITURE = Person("furniture@example.com", "Hollow Elm Furniture", -410, NEW_YORK, Role.MERCHANT, "USD")
BICYCLES = Person("bikes@example.com", "Sieben Speichen Fahrräder", -405, BERLIN, Role.MERCHANT, "EUR")
SHOPS = (FURNITURE, BICYCLES)

AMARA = Person("amara@example.com", "Amara Okafor", -401, NEW_YORK)
BEN = Person("ben@example.com", "Ben Lindqvist", -346, NEW_YORK)
CHLOE = Person("chloe@example.com", "Chloé Marchand", -181, BERLIN)
ELIF = Person("elif@example.com", "Elif Yıldız", -325, BERLIN)
FARAH = Person("farah@example.com", "Farah Haddad", -280, NEW_YORK)
GRACE = Person("grace@example.com", "Grace Mitchell", -368, NEW_YORK)
HASSAN = Person("hassan@example.com", "Hassan Al-Rashid", -270, BERLIN)
# Signed up with the link in the first offer.
HUGO = Person("hugo@example.com", "Hugo Fernández", -59, NEW_YORK)
INES = Person("ines@example.com", "Ines Schäfer", -398, BERLIN)
JONAS = Person("jonas@example.com", "Jonas Weber", -396, BERLIN)
# Sixty characters, to test that pages have room.
MARIA = Person(
    "maria@example.com", "Maria-Magdalena Josephine von Hohenstein-Sommerfeld-Lindenau", -225, NEW_YORK
)
PRIYA = Person("priya@example.com", "Priya Raman", -352, NEW_YORK)
CUSTOMERS = (AMARA, BEN, CHLOE, ELIF, FARAH, GRACE, HASSAN, HUGO, INES, JONAS, MARIA, PRIYA)

# Who works for the furniture shop beside its owner; they joined by an invitation.
DANA = Person("sales@example.com", "Dana Whitfield", -300, NEW_YORK, Role.MERCHANT)
OMAR = Person("books@example.com", "Omar Nasser", -290, NEW_YORK, Role.MERCHANT)
TEAM = {DANA: MemberRole.SELLER, OMAR: MemberRole.BOOKKEEPER}

# Invited, and not here yet.
LENA = Person("lena@example.com", "", None, BERLIN)
NOAH = Person("noah@example.com", "", None, NEW_YORK)
OLIVIA = Person("olivia@example.com", "", None, NEW_YORK)
INVITED = (LENA, NOAH, OLIVIA)

PEOPLE = SHOPS + CUSTOMERS + INVITED + tuple(TEAM)
