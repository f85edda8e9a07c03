"""How pages are drawn: filters for money and dates, the navigation, and one answer for page and fragment alike."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from flask import Flask, Response, flash, make_response, render_template, url_for
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _
from flask_login import current_user
from htmx_flask import request
from markupsafe import Markup

from portal.core.accounts import shown_email
from portal.core.errors import N_
from portal.core.roles import Actor, Permission, Role
from portal.presentation import formats, i18n
from portal.presentation.activity import email_name
from portal.presentation.i18n import language
from portal.presentation.methods import method_name
from portal.presentation.roles import role_name

from . import guards, languages

NAVIGATION = {
    Role.MERCHANT: (
        ("merchant.dashboard", lambda: _("Dashboard")),
        ("merchant_plans.index", lambda: _("Plans")),
        ("team.show", lambda: _("Team")),
        ("merchant.settings", lambda: _("Settings")),
        ("customer.home", lambda: _("Purchases")),
        ("auth.account", lambda: _("Account")),
    ),
    Role.CUSTOMER: (
        ("customer.home", lambda: _("Your plans")),
        ("auth.account", lambda: _("Account")),
    ),
    Role.ADMIN: (
        ("admin.overview", lambda: _("Overview")),
        ("admin.users", lambda: _("Users")),
        ("admin.plans", lambda: _("Plans")),
        ("admin.messages", lambda: _("Emails")),
        ("admin.jobs", lambda: _("Jobs")),
        ("admin.audit", lambda: _("Audit")),
        ("admin.self_check", lambda: _("Self-check")),
        ("auth.account", lambda: _("Account")),
    ),
}

# What a member needs for an entry; without it the page is refused.
NEEDED = {"merchant.settings": Permission.SETTINGS}

# The tint and the word of every state that a badge shows.
STATES = {
    "offered": ("info", N_("Offered")),
    "active": ("good", N_("Active")),
    "overdue": ("bad", N_("Overdue")),
    "completed": ("good", N_("Completed")),
    "declined": ("plain", N_("Declined")),
    "revoked": ("plain", N_("Revoked")),
    "expired": ("plain", N_("Expired")),
    "cancelled": ("plain", N_("Cancelled")),
    "written_off": ("bad", N_("Written off")),
    "pending": ("plain", N_("Pending")),
    "late": ("bad", N_("Late")),
    "paid": ("good", N_("Paid")),
    "processing": ("warn", N_("Processing")),
    "succeeded": ("good", N_("Succeeded")),
    "reversed": ("bad", N_("Reversed")),
    "failed": ("bad", N_("Failed")),
    "queued": ("info", N_("Queued")),
    "sent": ("good", N_("Sent")),
    "faulty": ("bad", N_("With a fault")),
    "repeated": ("plain", N_("Sent before")),
    "ready": ("info", N_("Ready to send")),
    "waiting": ("warn", N_("Waiting")),
    "refused": ("bad", N_("Refused")),
    "proposed": ("info", N_("Proposed")),
    "in_force": ("good", N_("In force")),
    "withdrawn": ("plain", N_("Withdrawn")),
}

LONGEST_UNBROKEN = 30


def init_app(app: Flask) -> None:
    guards.init_app(app)
    i18n.init_app(app)
    app.add_template_filter(_address, "address")
    app.add_template_filter(_money, "money")
    app.add_template_filter(_percent, "percent")
    app.add_template_filter(_day, "day")
    app.add_template_filter(_near_day, "nearday")
    app.add_template_filter(_short_day, "shortday")
    app.add_template_filter(_moment, "moment")
    app.add_template_filter(_distance, "distance")
    app.add_template_filter(_span, "span")
    app.add_template_filter(_state, "state")
    app.add_template_filter(method_name, "method")
    app.add_template_filter(email_name, "email_name")
    app.add_template_filter(role_name, "role_name")
    app.context_processor(page_context)


def respond(
    page: str, fragment: str, *, also: tuple[str, ...] = (), status: int = 200, **context: Any
) -> Response:
    """The whole ``page``, or for HTMX the ``fragment`` and those of ``also`` to swap in elsewhere (``oob`` is true)."""
    if request.htmx:
        parts = [
            render_template(fragment, **context),
            *(render_template(other, oob=True, **context) for other in also),
        ]
        response = make_response("\n".join(parts), status)
    else:
        response = make_response(render_template(page, **context), status)
    response.headers["Vary"] = "HX-Request"
    return response


def announce(response: Response, text: str, kind: str = "success") -> Response:
    """Announce the text in the page's live region after HTMX has swapped the answer in."""
    response.headers["HX-Trigger"] = json.dumps({"toast": {"text": text, "kind": kind}})
    return response


def done(url: str, text: str, kind: str = "success") -> Response:
    """Redirect (303) after a form, and flash the text on the next page."""
    flash(text, kind)
    return make_response("", 303, {"Location": url})


def new_key() -> str:
    """An idempotency key for one money form."""
    return str(uuid4())


def page_context() -> dict[str, Any]:
    """What every page needs: its language, and the navigation of the person's role."""
    if not current_user or not current_user.is_authenticated:
        return _language_context()
    entries = [
        (url_for(endpoint), label(), request.endpoint == endpoint)
        for endpoint, label in NAVIGATION[_kind(current_user.actor)]
        if endpoint not in NEEDED or current_user.actor.may(NEEDED[endpoint])
    ]
    return _language_context() | {"navigation": entries, "may": _may}


def _may(permission: str) -> bool:
    """Whether a page offers what needs this permission in the shop."""
    return current_user.actor.may(Permission(permission))


def _kind(person: Actor) -> Role:
    """Whose navigation a person has: members of a shop that of shops, however they signed up."""
    if person.role is Role.ADMIN:
        return Role.ADMIN
    return Role.MERCHANT if person.member_of else Role.CUSTOMER


def _language_context() -> dict[str, Any]:
    """The page's language and direction, the languages to change to, and where to come back to from there."""
    locale = get_locale()
    return {
        "lang": locale.language,
        "dir": locale.text_direction,
        "other_languages": languages.others(),
        "this_page": languages.this_page(),
        "new_key": new_key,
    }


def _state(status: str) -> tuple[str, str]:
    """A state's tint and word; one that is not known is shown as it is."""
    kind, word = STATES.get(status, ("plain", ""))
    return kind, _(word) if word else status


def _money(amount: int, currency: str) -> str:
    return formats.money(amount, currency, language())


def _percent(rate: Decimal) -> str:
    return formats.percent(rate, language())


def _day(day: date) -> str:
    return formats.day(day, language())


def _near_day(day: date, today: date) -> str:
    return formats.near_day(day, today, language())


def _short_day(day: date) -> str:
    return formats.short_day(day, language())


def _moment(instant: datetime, zone: str = "UTC") -> str:
    return formats.moment(instant, zone, language())


def _distance(day: date, today: date) -> str:
    return formats.distance(day, today, _, ngettext)


def _span(length: timedelta) -> str:
    return formats.span(length, language())


def _address(stored: str) -> str | Markup:
    """An address as people write it; one too long for a phone's line may break after @ and before each full stop."""
    shown = shown_email(stored)
    if "@" not in shown or len(shown) <= LONGEST_UNBROKEN:
        return shown
    return Markup("<wbr>").join(re.split(r"(?<=@)|(?=\.)", shown))
