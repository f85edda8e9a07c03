"""What happened, in sentences: one for every kind of event, for timelines and for the audit trail."""

from __future__ import annotations

from datetime import date

from flask_babel import get_locale
from flask_babel import gettext as _

from portal.adapters import formats
from portal.core.errors import N_
from portal.queries.timeline import EventView

SENTENCES = {
    "account_opened": N_("Account opened"),
    "admin_created": N_("Admin made on the command line"),
    "installment_late": N_("Installment %(number)s, due on %(due_on)s, was marked late"),
    "password_changed": N_("Password changed"),
    "payment_declined": N_("A payment of %(amount)s was declined"),
    "payment_succeeded": N_("%(amount)s was paid, receipt %(receipt)s"),
    "plan_accepted": N_("The terms were accepted"),
    "plan_cancelled": N_("The plan was cancelled"),
    "plan_completed": N_("The plan was completed"),
    "plan_declined": N_("The offer was declined"),
    "plan_expired": N_("The offer expired"),
    "plan_offered": N_("The offer was sent"),
    "plan_revoked": N_("The offer was revoked"),
    "profile_changed": N_("Profile changed"),
    "refund_declined": N_("The payment provider refused to return a part of the refund"),
    "refund_made": N_("%(amount)s was refunded"),
    "refund_returned": N_("%(returned)s went back to the customer"),
    "shop_changed": N_("Shop settings changed"),
    "signed_in": N_("Signed in"),
    "user_deactivated": N_("User deactivated"),
    "user_reactivated": N_("User reactivated"),
}
AMOUNTS = ("amount", "returned")
DAYS = ("due_on",)


def sentence(event: EventView) -> str:
    """The event in the reader's language; amounts and days as they are read."""
    facts = event.facts
    amounts = {
        n: formats.money(facts[n], facts["currency"], str(get_locale())) for n in AMOUNTS if n in facts
    }
    days = {n: formats.day(date.fromisoformat(facts[n]), str(get_locale())) for n in DAYS if n in facts}
    return _(SENTENCES.get(event.kind, event.kind), **(facts | amounts | days))
