"""What a search asks of columns of text: that they hold it, in any case; an address in the spelling that is stored."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement

from portal.core.accounts import searched_email


def holds(column: Any, search: str) -> ColumnElement[bool]:
    """Whether the text in the column has ``search`` in it; ``%`` and ``_`` are signs like any others."""
    part = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return column.ilike(f"%{part}%", escape="\\")


def email_holds(column: Any, search: str) -> ColumnElement[bool]:
    """The same for an address, whose domain is stored in ASCII."""
    return holds(column, searched_email(search))
