"""Where the reader is: the entries of the header for each kind of person, and the sections of the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flask import url_for
from flask_babel import gettext as _
from htmx_flask import request

from portal.core.roles import Actor, Permission, Role


class Entry(NamedTuple):
    """A link of a navigation; ``current`` is the value of its ``aria-current``, or empty."""

    url: str
    label: str
    current: str


class _Link(NamedTuple):
    """A page that a navigation leads to."""

    endpoint: str
    label: Callable[[], str]
    # What a member needs for it; without it the page is refused.
    needs: Permission | None = None
    # The beginnings of other addresses that belong to it.
    also: tuple[str, ...] = ()


# Settings are one place with sections; where it leads is the first section that the person may open.
SECTIONS = (
    _Link("merchant.settings", lambda: _("Shop"), Permission.SETTINGS, ("/merchant/account",)),
    _Link("auth.account", lambda: _("You"), None, ("/customer/calendar",)),
    _Link("security.show", lambda: _("Security")),
    _Link("team.show", lambda: _("Team")),
    _Link("plan_templates.show", lambda: _("Templates"), Permission.OFFER),
)
OF_SHOPS = ("merchant.settings", "team.show", "plan_templates.show")
NAVIGATION = {
    Role.MERCHANT: (
        _Link("merchant.dashboard", lambda: _("Dashboard")),
        _Link("merchant_plans.index", lambda: _("Plans"), None, ("/merchant/import",)),
        _Link("customer.home", lambda: _("Purchases")),
    ),
    Role.CUSTOMER: (_Link("customer.home", lambda: _("Your plans")),),
    Role.ADMIN: (
        _Link("admin.overview", lambda: _("Overview")),
        _Link("admin.users", lambda: _("Users")),
        _Link("admin.plans", lambda: _("Plans")),
        _Link("admin.messages", lambda: _("Emails")),
        _Link("admin.jobs", lambda: _("Jobs")),
        _Link("admin.audit", lambda: _("Audit")),
        _Link("admin.self_check", lambda: _("Self-check")),
    ),
}


def header_of(person: Actor, sections: list[Entry]) -> list[Entry]:
    """The header's entries: the page itself is marked, and on pages below it one of the person's ``sections``."""
    inside = any(section.current for section in sections)
    entries = _marked(NAVIGATION[_kind(person)], person, nothing=inside)
    return [*entries, Entry(sections[0].url, _("Settings"), "true" if inside else "")]


def sections_of(person: Actor) -> list[Entry]:
    """The sections of the settings, for one who works for a shop those of the shop too."""
    shops = _kind(person) is Role.MERCHANT
    return _marked(tuple(s for s in SECTIONS if shops or s.endpoint not in OF_SHOPS), person)


def _marked(places: tuple[_Link, ...], person: Actor, *, nothing: bool = False) -> list[Entry]:
    """The places that the person may open; the one whose address is the longest beginning of the page's is marked."""
    open_to = [place for place in places if place.needs is None or person.may(place.needs)]
    urls = [url_for(place.endpoint) for place in open_to]
    fits = [
        max((len(start) for start in (url, *place.also) if _begins(request.path, start)), default=0)
        for place, url in zip(open_to, urls, strict=True)
    ]
    best = 0 if nothing else max(fits, default=0)
    return [
        Entry(url, place.label(), ("page" if request.path == url else "true") if best and fit == best else "")
        for place, url, fit in zip(open_to, urls, fits, strict=True)
    ]


def _begins(path: str, start: str) -> bool:
    return path == start or path.startswith(f"{start.rstrip('/')}/")


def _kind(person: Actor) -> Role:
    """Whose navigation a person has: members of a shop that of shops, however they signed up."""
    if person.role is Role.ADMIN:
        return Role.ADMIN
    return Role.MERCHANT if person.member_of else Role.CUSTOMER
