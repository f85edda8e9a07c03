"""Importing plans: a file becomes a draft, its rows are sent as offers within the shop's limit, each row once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from portal.core.errors import N_, Conflict, Forbidden, InvalidInput, NotFound, PortalError, TooMany
from portal.core.imports import ReadRow, RowState, Wanted, decoded, read_rows
from portal.core.roles import Actor, Permission
from portal.models import Import, ImportRow, Merchant, new_id

from . import customers, events, offers
from .offers import Proposal
from .transaction import insert_rows, unit_of_work

DRAFT_KEPT = timedelta(days=1)
BATCH = 500
# Where the fields of an offer come from.
COLUMNS = {
    "customer_email": "email",
    "total_amount": "total",
    "num_installments": "installments",
    "start_date": "first_due",
}
# What was sent once is recognised; a row that was refused may be sent again.
LIVE = (RowState.WAITING, RowState.SENT)
# Finds the member who sent an import, as the shop's; None once that person cannot act for it.
FindMember = Callable[[Session, UUID, UUID], Actor | None]


def draft(session: Session, merchant: Actor, content: bytes, decimal_mark: str, now: datetime) -> UUID:
    """Keep a file's rows with their faults, in the caller's unit of work; nothing is offered. Returns the import's id.

    Raises ``InvalidInput`` at ``file`` for a file that is none, has other columns or no row.
    """
    found = [
        _checked(merchant, row, now) for row in read_rows(decoded(content), merchant.currency, decimal_mark)
    ]
    if not found:
        raise InvalidInput.at("file", N_("This file has no row below the names of the columns."))
    import_id = new_id()
    session.add(
        Import(merchant_id=merchant.merchant_id, id=import_id, created_by=merchant.id, created_at=now)
    )
    session.flush()
    seen = _known(session, merchant.merchant_id, (row.wanted.digest for row in found if row.wanted))
    rows = []
    for row in found:
        digest = row.wanted.digest if row.wanted else None
        state = RowState.FAULTY if digest is None else RowState.REPEATED if digest in seen else RowState.READY
        seen |= {digest} if digest else set()
        rows.append(
            {
                "merchant_id": merchant.merchant_id,
                "import_id": import_id,
                "number": row.number,
                "cells": row.cells,
                "wanted": row.wanted.stored() if row.wanted else None,
                "digest": digest,
                "faults": _stored(row.faults),
                "state": state,
                "plan_id": None,
            }
        )
    insert_rows(session, ImportRow, rows)
    return import_id


def send(session: Session, merchant: Actor, import_id: UUID, now: datetime) -> None:
    """Let the ready rows of a draft be sent, in the caller's unit of work. Sending it twice changes nothing.

    Raises ``NotFound``, ``Forbidden`` where the shop may not offer yet.
    """
    offers.check_may_offer(session, merchant)
    # Sends of one shop wait for each other here, so that no row is taken for new twice.
    session.get_one(Merchant, merchant.merchant_id, with_for_update={"key_share": True})
    found = session.get(Import, (merchant.merchant_id, import_id), populate_existing=True)
    if found is None:
        raise NotFound()
    if found.sent_at is not None:
        return
    live = select(ImportRow.digest).where(
        ImportRow.merchant_id == merchant.merchant_id, ImportRow.state.in_(LIVE)
    )
    ready = (
        update(ImportRow)
        .where(
            ImportRow.merchant_id == merchant.merchant_id,
            ImportRow.import_id == import_id,
            ImportRow.state == RowState.READY,
        )
        .execution_options(synchronize_session=False)
    )
    session.execute(ready.where(ImportRow.digest.in_(live)).values(state=RowState.REPEATED))
    session.execute(ready.values(state=RowState.WAITING))
    found.sent_at = now
    session.flush()


def send_waiting(
    session: Session, find_member: FindMember, now: Callable[[], datetime], batch: int = BATCH
) -> dict[str, int]:
    """Send the rows that wait, oldest first, at most ``batch`` of a shop; a shop at its limit goes on tomorrow.

    Each row is sent in a unit of work of its own, together with its mark, so that a crash sends none twice.
    """
    counts = {"sent": 0, "refused": 0}
    waiting = select(ImportRow.merchant_id).where(ImportRow.state == RowState.WAITING).distinct()
    for merchant_id in session.scalars(waiting).all():
        rows = (
            select(ImportRow.import_id, ImportRow.number)
            .where(ImportRow.merchant_id == merchant_id, ImportRow.state == RowState.WAITING)
            .order_by(ImportRow.import_id, ImportRow.number)
            .limit(batch)
        )
        for import_id, number in session.execute(rows).all():
            done = _send_row(session, find_member, (merchant_id, import_id, number), now())
            if done is None:
                break
            counts[done] += 1
    return counts


def days_needed(session: Session, merchant: Actor, rows: int) -> int:
    """In how many days so many offers can be sent to people who have not accepted one yet."""
    per_day = customers.offers_of_a_day(session, merchant.merchant_id)
    return 1 if per_day is None else -(-rows // max(per_day, 1))


def forget_drafts(session: Session, now: datetime) -> None:
    """Remove the files of more than a day ago that were never sent."""
    old = (Import.sent_at.is_(None), Import.created_at < now - DRAFT_KEPT)
    keys = session.execute(select(Import.merchant_id, Import.id).where(*old)).all()
    for merchant_id, import_id in keys:
        of_import = (ImportRow.merchant_id == merchant_id, ImportRow.import_id == import_id)
        session.execute(delete(ImportRow).where(*of_import))
        session.execute(delete(Import).where(Import.merchant_id == merchant_id, Import.id == import_id))


def _checked(merchant: Actor, row: ReadRow, now: datetime) -> ReadRow:
    """The row with the faults that its offer would have."""
    if row.wanted is None:
        return row
    try:
        offers.validate_proposal(merchant, _proposal(row.wanted), now)
    except InvalidInput as invalid:
        faults = _by_column(invalid, of_lines=row.wanted.lines is not None)
        return ReadRow(row.number, row.cells, None, faults)
    return row


def _proposal(wanted: Wanted) -> Proposal:
    return Proposal(
        wanted.email,
        wanted.description,
        wanted.total,
        wanted.installments,
        wanted.first_due,
        wanted.frequency,
        paid_before=wanted.paid_before or None,
        lines=wanted.lines,
    )


def _known(session: Session, merchant_id: UUID, digests: Iterable[str]) -> set[str]:
    """Those of the digests that are waiting or were sent."""
    asked = sorted(set(digests))
    known: set[str] = set()
    for start in range(0, len(asked), BATCH):
        query = select(ImportRow.digest).where(
            ImportRow.merchant_id == merchant_id,
            ImportRow.digest.in_(asked[start : start + BATCH]),
            ImportRow.state.in_(LIVE),
        )
        known |= {digest for digest in session.scalars(query) if digest}
    return known


def _send_row(
    session: Session, find_member: FindMember, key: tuple[UUID, UUID, int], now: datetime
) -> str | None:
    """What became of the row; None when its shop can send no more for now."""
    try:
        with unit_of_work(session):
            row = _lock(session, key)
            if row is not None:
                _offer(session, find_member, row, now)
        return "sent"
    except TooMany:
        return None
    except (InvalidInput, Conflict, Forbidden) as error:
        if error.code == "shop_suspended":
            return None
        with unit_of_work(session):
            row = _lock(session, key)
            if row is not None:
                row.state = RowState.REFUSED
                row.faults = _stored(_by_column(error, of_lines="lines" in (row.wanted or {})))
        return "refused"


def _lock(session: Session, key: tuple[UUID, UUID, int]) -> ImportRow | None:
    """The row, locked, if it still waits: another worker may have sent it meanwhile."""
    row = session.get(ImportRow, key, with_for_update=True, populate_existing=True)
    return row if row is not None and row.state == RowState.WAITING else None


def _offer(session: Session, find_member: FindMember, row: ImportRow, now: datetime) -> None:
    wanted = Wanted.restored(row.wanted or {})
    created_by = session.scalars(
        select(Import.created_by).where(Import.merchant_id == row.merchant_id, Import.id == row.import_id)
    ).one()
    member = find_member(session, created_by, row.merchant_id)
    if member is None or Permission.OFFER not in member.permissions:
        raise Forbidden(N_("The member who sent this import can no longer send offers for the shop."))
    if member.currency != wanted.currency:
        raise Conflict(N_("Your shop's currency has changed meanwhile. Check the amounts and send again."))
    row.plan_id = offers.offer(session, member, _proposal(wanted), now)
    row.state = RowState.SENT
    session.flush()
    facts: dict[str, Any] = {"paid_before": wanted.paid_before, "reference": wanted.reference}
    about: dict[str, Any] = {"merchant_id": row.merchant_id, "plan_id": row.plan_id}
    events.record(session, "plan_imported", actor_id=member.id, at=now, **about, **facts)


def _by_column(error: PortalError, *, of_lines: bool = False) -> dict[str, PortalError]:
    """The faults of an offer at the columns that they come from; of a row with lines, those of its schedule there."""
    errors = error.errors if isinstance(error, InvalidInput) else {"row": error}
    named: dict[str, PortalError] = {}
    for name, fault in errors.items():
        of_schedule = name.partition(".")[0] in ("installments", "total_amount")
        named.setdefault("lines" if of_lines and of_schedule else COLUMNS.get(name, name), fault)
    return named


def _stored(faults: dict[str, PortalError]) -> dict[str, Any]:
    """Faults as JSON, with their sentences still to be translated."""
    return {
        name: {"message": fault.message, "params": {key: str(value) for key, value in fault.params.items()}}
        for name, fault in faults.items()
    }
