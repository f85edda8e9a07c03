"""How a payment was made, in words, for pages, documents and emails."""

from __future__ import annotations

from flask_babel import gettext as _

from portal.core.errors import N_
from portal.core.payments import Method

METHODS = {
    Method.PROVIDER: N_("Card"),
    Method.CASH: N_("Cash"),
    Method.BANK_TRANSFER: N_("Bank transfer"),
    Method.CHECK: N_("Cheque"),
    Method.OTHER: N_("Other"),
}


HAND_BACK = {
    Method.CASH: N_("You recorded this money yourself: hand back %(amount)s in cash."),
    Method.BANK_TRANSFER: N_("You recorded this money yourself: hand back %(amount)s by bank transfer."),
    Method.CHECK: N_("You recorded this money yourself: hand back %(amount)s by cheque."),
    Method.OTHER: N_("You recorded this money yourself: hand back %(amount)s the way it came in."),
}


def hand_back(method: str, amount: str) -> str:
    """What a shop has to do before it confirms a refund of what it recorded."""
    return _(HAND_BACK[Method(method)], amount=amount)


def method_name(method: str) -> str:
    return _(METHODS[Method(method)])
