"""Imports: files of plans that a shop brings over, row by row, from the draft to the offers that were sent."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, new_id


class Import(Base):
    """A file that was read; ``sent_at`` is set once its rows may be sent. A draft is removed after a day."""

    __tablename__ = "imports"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_imports_created_at", "created_at"),)


class ImportRow(Base):
    """A row by its ``number`` in the file: the cells as typed, the plan that it asks for or its faults, and its end.

    ``digest`` is the same for rows that ask for the same; of these, one at most is waiting or was sent.
    """

    __tablename__ = "import_rows"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    import_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    cells: Mapped[dict[str, Any]]
    wanted: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    digest: Mapped[str | None] = mapped_column(String(64))
    faults: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(10))
    plan_id: Mapped[uuid.UUID | None]

    __table_args__ = (
        ForeignKeyConstraint(["merchant_id", "import_id"], ["imports.merchant_id", "imports.id"]),
        ForeignKeyConstraint(["merchant_id", "plan_id"], ["plans.merchant_id", "plans.id"]),
        CheckConstraint(
            "state IN ('faulty', 'repeated', 'ready', 'waiting', 'sent', 'refused')", name="state"
        ),
        CheckConstraint("state = 'faulty' OR digest IS NOT NULL", name="digest"),
        CheckConstraint("(state = 'sent') = (plan_id IS NOT NULL)", name="plan"),
        Index(
            "uq_import_rows_sent_once",
            "merchant_id",
            "digest",
            unique=True,
            postgresql_where=text("state IN ('waiting', 'sent')"),
            sqlite_where=text("state IN ('waiting', 'sent')"),
        ),
        Index(
            "ix_import_rows_waiting",
            "merchant_id",
            "import_id",
            "number",
            postgresql_where=text("state = 'waiting'"),
            sqlite_where=text("state = 'waiting'"),
        ),
    )
