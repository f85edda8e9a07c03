"""Imports of a shop: how far each is, and its rows by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from portal.core.errors import NotFound
from portal.core.imports import RowState
from portal.core.roles import Actor
from portal.models import Import, ImportRow

PAGE = 100
LATEST = 10


@dataclass(frozen=True, slots=True)
class ImportView:
    """An import, with how many of its rows are in which state."""

    id: UUID
    created_at: datetime
    sent_at: datetime | None
    counts: dict[RowState, int]

    @property
    def rows(self) -> int:
        return sum(self.counts.values())

    def count(self, state: str) -> int:
        return self.counts.get(RowState(state), 0)

    @property
    def goes_on(self) -> bool:
        """Whether rows are still to be sent."""
        return self.count(RowState.WAITING) > 0


@dataclass(frozen=True, slots=True)
class ImportRowView:
    """A row as it was typed, its faults by column, and what came of it."""

    number: int
    cells: dict[str, Any]
    faults: dict[str, Any]
    state: str
    plan_id: UUID | None


def latest(session: Session, merchant: Actor) -> list[ImportView]:
    """The latest imports, newest first."""
    query = select(Import).where(Import.merchant_id == merchant.merchant_id)
    found = session.scalars(query.order_by(Import.id.desc()).limit(LATEST)).all()
    return [_view(session, one) for one in found]


def get_import(session: Session, merchant: Actor, import_id: UUID) -> ImportView:
    """Raises ``NotFound`` for another shop's."""
    found = session.get(Import, (merchant.merchant_id, import_id))
    if found is None:
        raise NotFound()
    return _view(session, found)


def rows(session: Session, merchant: Actor, import_id: UUID, after: int = 0) -> list[ImportRowView]:
    """At most a page and one row: what is at fault first, then in the order of the file; ``after`` so many rows."""
    troubled = case((ImportRow.state.in_((RowState.FAULTY, RowState.REFUSED)), 0), else_=1)
    query = (
        select(ImportRow.number, ImportRow.cells, ImportRow.faults, ImportRow.state, ImportRow.plan_id)
        .where(ImportRow.merchant_id == merchant.merchant_id, ImportRow.import_id == import_id)
        .order_by(troubled, ImportRow.number)
        .offset(after)
        .limit(PAGE + 1)
    )
    return [ImportRowView(*row) for row in session.execute(query)]


def count_waiting(session: Session, merchant: Actor) -> int:
    """How many rows of all its imports a shop has still to send."""
    waiting = ImportRow.merchant_id == merchant.merchant_id, ImportRow.state == RowState.WAITING
    return session.scalars(select(func.count()).select_from(ImportRow).where(*waiting)).one()


def _view(session: Session, found: Import) -> ImportView:
    counted = (
        select(ImportRow.state, func.count())
        .where(ImportRow.merchant_id == found.merchant_id, ImportRow.import_id == found.id)
        .group_by(ImportRow.state)
    )
    counts = {RowState(state): count for state, count in session.execute(counted)}
    return ImportView(found.id, found.created_at, found.sent_at, counts)
