"""The activity in words: events of plans and accounts, and the names of emails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.core.accounts import shown_email
from portal.core.errors import N_
from portal.queries.timeline import EventView

from . import formats
from .card_names import card_name
from .i18n import amount_text, language
from .methods import method_name
from .outcomes import declined_refund_event, failed_payment_event, reversal_reason
from .roles import role_name

log = logging.getLogger(__name__)

Facts = dict[str, Any]


def event_words(event: EventView, currency: str) -> str:
    """What happened, as one short sentence; ``currency`` is the plan's.

    Events are never changed, so one without the facts of its sentence stays: it is shown by the name of its kind.
    """
    if event.kind in ACCOUNT_EVENTS:
        return _(ACCOUNT_EVENTS[event.kind])
    words = EVENTS.get(event.kind)
    if words:
        try:
            is_deposit = event.has_deposit and event.facts.get("number") == 1
            return words(event.facts | {"is_deposit": is_deposit}, currency)
        except Exception as error:
            about = {"event": str(event.id), "error": f"{type(error).__name__}: {error}"}
            log.warning("an event lacks facts", extra=about)
    return event.kind.replace("_", " ")


def timeline_of(events: list[EventView], currency: str) -> list[tuple[EventView, str]]:
    """Each event with its words, newest first."""
    return [(event, event_words(event, currency)) for event in reversed(events)]


def email_name(kind: str) -> str:
    """What an email was about."""
    return _(EMAILS[kind]) if kind in EMAILS else kind.replace("_", " ")


def _cancelled(facts: Facts, currency: str) -> str:
    return _("Plan cancelled: %(owed)s is no longer owed", owed=amount_text(facts["owed"], currency))


def _written_off(facts: Facts, currency: str) -> str:
    written_off = amount_text(facts["owed"], currency)
    if facts["reason"]:
        return _("Plan written off: %(owed)s, %(reason)s", owed=written_off, reason=facts["reason"])
    return _("Plan written off: %(owed)s", owed=written_off)


def _imported(facts: Facts, currency: str) -> str:
    if not facts["paid_before"]:
        return _("Plan brought over from elsewhere")
    paid = amount_text(facts["paid_before"], currency)
    return _("Plan brought over from elsewhere: %(amount)s paid before", amount=paid)


def _paid(facts: Facts, currency: str) -> str:
    amount = amount_text(facts["amount"], currency)
    return _("%(amount)s paid, receipt %(receipt)s", amount=amount, receipt=facts["receipt"])


def _recovered(facts: Facts, currency: str) -> str:
    return _(
        "%(amount)s recovered by the shop: %(method)s, %(day)s, receipt %(receipt)s",
        amount=amount_text(facts["amount"], currency),
        method=method_name(facts["method"]),
        day=formats.short_day(date.fromisoformat(facts["received_on"]), language()),
        receipt=facts["receipt"],
    )


def _recorded(facts: Facts, currency: str) -> str:
    return _(
        "%(amount)s received by the shop: %(method)s, %(day)s, receipt %(receipt)s",
        amount=amount_text(facts["amount"], currency),
        method=method_name(facts["method"]),
        day=formats.short_day(date.fromisoformat(facts["received_on"]), language()),
        receipt=facts["receipt"],
    )


def _reversed(facts: Facts, currency: str) -> str:
    return _(
        "%(amount)s of receipt %(receipt)s reversed: %(reason)s",
        amount=amount_text(facts["amount"], currency),
        receipt=facts["receipt"],
        reason=reversal_reason(facts["reason"]),
    )


def _autopay_on(facts: Facts, currency: str) -> str:
    return _("Automatic payments on: %(card)s", card=card_name(facts["brand"], facts["last_four"]))


def _autopay_off(facts: Facts, currency: str) -> str:
    if facts["reason"] == "card_unusable":
        return _("Automatic payments off: the card is no longer valid")
    if facts["reason"] == "plan_ended":
        return _("Automatic payments off: the plan has ended")
    return _("Automatic payments stopped by the customer")


def _declined(facts: Facts, currency: str) -> str:
    return failed_payment_event(facts["outcome"], facts["amount"], currency)


def _disputed(facts: Facts, currency: str) -> str:
    amount = amount_text(facts["amount"], currency)
    if facts["state"] == "won":
        return _("The dispute of %(amount)s was decided for the shop", amount=amount)
    if facts["state"] == "lost":
        return _("The dispute of %(amount)s was decided for the customer", amount=amount)
    return _("The customer's bank disputes %(amount)s", amount=amount)


def _came_late(facts: Facts, currency: str) -> str:
    amount = amount_text(facts["amount"], currency)
    return _("%(amount)s came too late and was returned to the customer", amount=amount)


def _late(facts: Facts, _currency: str) -> str:
    due_on = formats.short_day(date.fromisoformat(facts["due_on"]), language())
    if facts["is_deposit"]:
        return _("Deposit, due %(day)s, became late", day=due_on)
    return _("Installment %(number)s, due %(day)s, became late", number=facts["number"], day=due_on)


def _proposed(facts: Facts, _currency: str) -> str:
    if facts["by_customer"]:
        return _("The customer asked for other dates")
    return _("The shop proposed new dates")


def _amended(facts: Facts, _currency: str) -> str:
    if spread := facts.get("spread"):
        return ngettext(
            "New dates in force: what is owed moved to %(num)s new installment",
            "New dates in force: what is owed moved to %(num)s new installments",
            spread,
        )
    return ngettext(
        "New dates in force: %(num)s installment moved",
        "New dates in force: %(num)s installments moved",
        facts["moves"],
    )


def _lifted(facts: Facts, _currency: str) -> str:
    due_on = formats.short_day(date.fromisoformat(facts["due_on"]), language())
    if facts["is_deposit"]:
        return _("Deposit is due on %(day)s and no longer late", day=due_on)
    return _(
        "Installment %(number)s is due on %(day)s and no longer late", number=facts["number"], day=due_on
    )


def _refunded(facts: Facts, currency: str) -> str:
    amounts = {name: amount_text(facts[name], currency) for name in ("amount", "cancelled", "to_return")}
    if not facts["to_return"]:
        return _("%(amount)s refunded: all of it cancelled", **amounts)
    if not facts["cancelled"]:
        return _("%(amount)s refunded: all of it returned to the customer", **amounts)
    return _(
        "%(amount)s refunded: %(cancelled)s cancelled, %(to_return)s returned to the customer", **amounts
    )


def _returned(facts: Facts, currency: str) -> str:
    return _("%(amount)s returned to the customer", amount=amount_text(facts["returned"], currency))


def _did_not_arrive(facts: Facts, currency: str) -> str:
    return _(
        "The refund of %(amount)s did not reach the card: the customer has not got it",
        amount=amount_text(facts["amount"], currency),
    )


def _not_returned(facts: Facts, currency: str) -> str:
    return declined_refund_event(facts["to_return"] - facts["returned"], currency)


def _invited(facts: Facts, _currency: str) -> str:
    return _(
        "%(email)s invited to the team: %(role)s",
        email=shown_email(facts["email"]),
        role=role_name(facts["role"]),
    )


def _member_changed(facts: Facts, _currency: str) -> str:
    email, after = shown_email(facts["email"]), role_name(facts["after"])
    if facts["before"] is None:
        return _("%(email)s joined the team: %(role)s", email=email, role=after)
    before = role_name(facts["before"])
    return _("Role of %(email)s changed: %(before)s, now %(after)s", email=email, before=before, after=after)


def _member_removed(facts: Facts, _currency: str) -> str:
    email = shown_email(facts["email"])
    if facts["joined"]:
        return _("%(email)s removed from the team", email=email)
    return _("Invitation of %(email)s withdrawn", email=email)


EVENTS: dict[str, Callable[[Facts, str], str]] = {
    "plan_offered": lambda *_facts: _("Offer sent"),
    "plan_imported": _imported,
    "plan_accepted": lambda *_facts: _("Terms accepted"),
    "plan_declined": lambda *_facts: _("Offer declined"),
    "plan_revoked": lambda *_facts: _("Offer revoked"),
    "offer_not_for_me": lambda *_facts: _("Offer ended: sent to a wrong address"),
    "offer_address_corrected": lambda facts, _currency: _(
        "Offer sent to %(email)s instead", email=shown_email(facts["email"])
    ),
    "plan_expired": lambda *_facts: _("Offer expired"),
    "plan_completed": lambda *_facts: _("Nothing is owed any more"),
    "plan_cancelled": _cancelled,
    "plan_written_off": _written_off,
    "payment_succeeded": _paid,
    "payment_recorded": _recorded,
    "debt_recovered": _recovered,
    "payment_reversed": _reversed,
    "plan_reopened": lambda *_facts: _("Plan active again: something is owed"),
    "autopay_on": _autopay_on,
    "autopay_off": _autopay_off,
    "payment_declined": _declined,
    "payment_abandoned": _declined,
    "payment_returned": _came_late,
    "payment_disputed": _disputed,
    "refund_made": _refunded,
    "refund_returned": _returned,
    "refund_failed": _did_not_arrive,
    "refund_declined": _not_returned,
    "installment_late": _late,
    "late_lifted": _lifted,
    "amendment_proposed": _proposed,
    "amendment_in_force": _amended,
    "amendment_declined": lambda *_facts: _("New dates declined"),
    "amendment_withdrawn": lambda *_facts: _("New dates withdrawn"),
    "amendment_expired": lambda *_facts: _("New dates expired without an answer"),
    "member_invited": _invited,
    "member_changed": _member_changed,
    "member_removed": _member_removed,
}

# What happens to accounts and shops; only admins read it.
ACCOUNT_EVENTS = {
    "account_opened": N_("Account opened"),
    "account_rejected": N_("Account removed by the owner of its address"),
    "admin_created": N_("Admin created on the command line"),
    "calendar_closed": N_("Calendar link removed"),
    "account_closed": N_("Account closed"),
    "data_downloaded": N_("Own data downloaded"),
    "calendar_opened": N_("Calendar link created"),
    "email_changed": N_("Email address changed"),
    "email_verified": N_("Email address verified"),
    "message_sent_again": N_("Email queued again"),
    "password_changed": N_("Password changed"),
    "profile_changed": N_("Profile changed"),
    "offers_per_day_changed": N_("Limit of offers changed"),
    "exported": N_("File exported"),
    "person_read": N_("Account opened by an admin"),
    "reset_link_made": N_("Link for a new password made on the command line"),
    "reset_link_used": N_("New password set by a link"),
    "reset_requested": N_("Link for a new password requested"),
    "second_factor_changed": N_("Two-factor sign-in changed"),
    "second_factor_removed": N_("Two-factor sign-in turned off on the command line"),
    "session_ended": N_("Session ended"),
    "shop_changed": N_("Shop settings changed"),
    "shop_opened": N_("Another shop opened"),
    "shop_suspended": N_("Shop suspended"),
    "shop_suspension_lifted": N_("Shop suspension lifted"),
    "signed_in": N_("Signed in"),
    "user_deactivated": N_("User deactivated"),
    "user_reactivated": N_("User reactivated"),
    "wrong_code": N_("Wrong code of two-factor sign-in"),
    "wrong_password": N_("Wrong password"),
}

EMAILS = {
    "offer_sent": N_("The offer"),
    "offer_reminder": N_("Reminder of the offer"),
    "offer_revoked": N_("The offer was revoked"),
    "offer_expired": N_("The offer expired"),
    "plan_accepted": N_("The terms as accepted"),
    "plan_cancelled": N_("The plan was cancelled"),
    "plan_written_off": N_("The plan was written off"),
    "reminder": N_("Reminder"),
    "due_soon": N_("Reminder: due soon"),
    "due_today": N_("Reminder: due today"),
    "overdue_1": N_("Reminder: late"),
    "overdue_7": N_("Reminder: late for a week"),
    "overdue_14": N_("Reminder: late for two weeks"),
    "payment_received": N_("A payment was received"),
    "payment_recorded": N_("A payment was recorded"),
    "debt_recovered": N_("A payment on a written-off plan was recorded"),
    "payment_reversed": N_("A payment was reversed"),
    "amendment_proposed": N_("New dates to agree to"),
    "amendment_in_force": N_("New dates in force"),
    "amendment_declined": N_("Other dates were declined"),
    "amendment_withdrawn": N_("New dates were withdrawn"),
    "amendment_expired": N_("Other dates expired without an answer"),
    "amendment_proposed_shop": N_("To the shop: the customer asks for other dates"),
    "amendment_in_force_shop": N_("To the shop: new dates in force"),
    "amendment_declined_shop": N_("To the shop: new dates were declined"),
    "amendment_withdrawn_shop": N_("To the shop: other dates were withdrawn"),
    "amendment_expired_shop": N_("To the shop: new dates expired without an answer"),
    "autopay_on": N_("Automatic payments are on"),
    "autopay_off": N_("Automatic payments are off"),
    "autopay_notice": N_("An automatic payment failed"),
    "payment_declined": N_("A payment failed"),
    "payment_disputed": N_("A disputed payment"),
    "refund_failed": N_("A refund that did not arrive"),
    "refund_failed_shop": N_("To the shop: a refund that did not arrive"),
    "payment_disputed_shop": N_("To the shop: a disputed payment"),
    "payment_returned": N_("Money that came late was returned"),
    "payment_returned_shop": N_("To the shop: money that came late was returned"),
    "refund_made": N_("A refund, with the new schedule"),
    "plan_accepted_shop": N_("To the shop: the offer was accepted"),
    "offer_declined": N_("To the shop: the offer was declined"),
    "offer_not_for_me": N_("To the shop: the address was wrong"),
    "refund_declined": N_("To the shop: a refund failed"),
    "member_invited": N_("Invitation to a team"),
    "member_changed": N_("A role in a team was changed"),
    "member_removed": N_("Removed from a team"),
    "password_reset": N_("Reset your password"),
    "password_changed": N_("The password was changed"),
    "new_device": N_("Sign-in from a new device"),
    "change_email": N_("Confirm your new email address"),
    "email_changed": N_("Your email address was changed"),
    "verify_email": N_("Verify your email address"),
    "account_exists": N_("You already have an account"),
    "second_factor_changed": N_("Two-factor sign-in was changed"),
    "account_closed": N_("Your account was closed"),
}
