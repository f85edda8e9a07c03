"""Cells of CSV files: values as programs read them, and text that no spreadsheet runs as a formula."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from portal.core.money import Money, decimal_text

BYTE_ORDER_MARK = "\ufeff"
# A spreadsheet runs a cell that starts like this as a formula. One that splits at another separator and ignores the
# quotes finds such a start in the middle of a text, too.
FORMULA_START = re.compile(r"(^|[,;\t\r\n])(?=[\s\"]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])")


def cell(value: object) -> str:
    """A value as a cell: amounts as plain decimals, days and instants as in ISO 8601, and text that stays text."""
    if value is None:
        return ""
    if isinstance(value, Money):
        return decimal_text(value.amount, value.currency)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return str(value)
    return FORMULA_START.sub(r"\1'", str(value))
