"""Saved cards in words, and what a customer agrees to with the box of automatic payments."""

from __future__ import annotations

from flask_babel import gettext as _

from portal.queries.read_models import PlanView

BRANDS = {
    "amex": "American Express",
    "diners": "Diners Club",
    "discover": "Discover",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}


def card_name(brand: str, last_four: str) -> str:
    if brand == "test":
        return _("test card ending %(digits)s", digits=last_four)
    if brand not in BRANDS:
        return _("card ending %(digits)s", digits=last_four)
    return _("%(brand)s ending %(digits)s", brand=BRANDS[brand], digits=last_four)


def consent_text(plan: PlanView) -> str:
    """All that is agreed to, as it is shown and kept."""
    return _(
        "%(shop)s may take each installment of “%(what)s” (%(reference)s) from my saved card, at 09:00 on its due "
        "date in the time zone %(zone)s. What is overdue when I agree is taken at the next 09:00, one installment a "
        "day. A payment that fails is tried again 2, 4 and 7 days after the first attempt, and then no more. No fee "
        "is added. I can stop this at any time on the page of the plan.",
        shop=plan.merchant_name,
        what=plan.description,
        reference=plan.reference,
        zone=plan.timezone,
    )
