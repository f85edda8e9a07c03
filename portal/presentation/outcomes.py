"""Texts for the payment provider's answers, on pages, over the API and in the activity; emails have their own."""

from __future__ import annotations

from flask_babel import gettext as _

from portal.core.payments import LOST_DISPUTE

from .i18n import amount_text


def payment_failed(outcome: str | None, amount: int, currency: str) -> str:
    """For the customer: why the payment failed, and what to do next."""
    if outcome == "insufficient_funds":
        return _(
            "Your card does not have enough money for %(amount)s. Nothing was charged. "
            "Add money and try again, or choose another card.",
            amount=amount_text(amount, currency),
        )
    if outcome == "abandoned":
        return _(
            "The payment of %(amount)s was stopped. Nothing was charged.",
            amount=amount_text(amount, currency),
        )
    if outcome == "card_unusable":
        return _(
            "Your card is no longer valid. Nothing was charged. Choose another card to pay %(amount)s.",
            amount=amount_text(amount, currency),
        )
    if outcome == "needs_customer":
        return _(
            "Your bank wants you to confirm the payment of %(amount)s. Nothing was charged. Pay it yourself.",
            amount=amount_text(amount, currency),
        )
    if outcome == "refused":
        return _(
            "The shop's payment provider took no payment of %(amount)s. Nothing was charged. Ask the shop how to pay.",
            amount=amount_text(amount, currency),
        )
    return _(
        "Your card was declined. Nothing was charged. Try to pay %(amount)s again, or choose another card.",
        amount=amount_text(amount, currency),
    )


def payment_processing() -> str:
    return _(
        "The payment provider has not answered yet. Do not pay again: "
        "the result will appear here, or when you next open your plans."
    )


def failed_payment_event(outcome: str | None, amount: int, currency: str) -> str:
    """For both parties, in the list of events."""
    text = amount_text(amount, currency)
    if outcome == "insufficient_funds":
        return _("Payment of %(amount)s failed: not enough money on the card", amount=text)
    if outcome == "abandoned":
        return _("Payment of %(amount)s stopped", amount=text)
    if outcome == "card_unusable":
        return _("Payment of %(amount)s failed: the card is no longer valid", amount=text)
    if outcome == "needs_customer":
        return _("Payment of %(amount)s failed: the bank wants the customer to confirm it", amount=text)
    if outcome == "refused":
        return _("Payment of %(amount)s failed: the payment provider refused the shop's order", amount=text)
    return _("Payment of %(amount)s failed: the card was declined", amount=text)


def reversal_reason(reason: str | None) -> str:
    """Why a payment was reversed: as the shop typed it, or the portal's own words of a dispute."""
    return _(LOST_DISPUTE) if reason == LOST_DISPUTE else reason or ""


def refund_declined(cancelled: int, to_return: int, currency: str) -> str:
    """For the shop; both amounts in minor units."""
    return _(
        "%(cancelled)s is cancelled, but the payment provider refused to return all of %(to_return)s. Try again.",
        cancelled=amount_text(cancelled, currency),
        to_return=amount_text(to_return, currency),
    )


def refund_processing(cancelled: int, to_return: int, currency: str) -> str:
    return _(
        "%(cancelled)s is cancelled. %(to_return)s is being returned; "
        "the payment provider has not confirmed it yet.",
        cancelled=amount_text(cancelled, currency),
        to_return=amount_text(to_return, currency),
    )


def declined_refund_event(missing: int, currency: str) -> str:
    return _(
        "%(amount)s could not be returned: the payment provider refused",
        amount=amount_text(missing, currency),
    )
