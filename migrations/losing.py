"""A step back that would lose what people did refuses at its start, before it has changed anything."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def refuse_if_any(tables: str, message: str) -> None:
    """Raise ``RuntimeError`` with the message if there is a row; ``tables`` is what follows FROM, WHERE included."""
    if op.get_bind().scalar(sa.text(f"SELECT EXISTS (SELECT 1 FROM {tables})")):
        raise RuntimeError(message)
