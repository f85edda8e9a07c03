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


def method_name(method: str) -> str:
    return _(METHODS[Method(method)])
