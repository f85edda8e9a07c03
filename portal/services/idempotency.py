"""Idempotency keys: one per money request, user and merchant; reuse for another request is an error."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, update
from sqlalchemy.orm import Session

from portal.core.errors import KeyReused
from portal.models import IdempotencyKey
from portal.statements import Changing

from .transaction import insert_once

KEPT = timedelta(days=30)


# A kept key must find its request after an upgrade: a renamed class or field is hashed by its first name.
_FIRST_NAMES = {"PaymentRequest": "Order", "expected_amount": "shown"}
# Fields that came later are left out where they are not used, so that what was asked before is still the same.
_LATER = {
    *("part", "handed_back", "reason", "recovery", "valid_days", "paid_before", "lines"),
    *("deposit", "first_due", "day_of_month", "spread"),
}


def fingerprint(request: Any) -> str:
    """What makes two requests the same: the SHA-256 of a request's kind and fields (a dataclass)."""
    kind = type(request).__name__
    asked = {
        name: value for name, value in asdict(request).items() if value is not None or name not in _LATER
    }
    fields = {_FIRST_NAMES.get(name, name): value for name, value in asked.items()}
    fields = {"kind": _FIRST_NAMES.get(kind, kind)} | fields
    return hashlib.sha256(json.dumps(fields, default=str, sort_keys=True).encode()).hexdigest()


def claim(
    session: Session, merchant_id: UUID, user_id: UUID, key: str, request: Any, now: datetime, **cause: UUID
) -> IdempotencyKey | None:
    """None if the key is new and now belongs to this request and its ``payment_id`` or ``refund_id``.

    Else the row of the request that had it, whose ``answer`` is None while it is being processed. Raises
    ``KeyReused`` if that was another request.
    """
    row = {
        "merchant_id": merchant_id,
        "user_id": user_id,
        "key": key,
        "request_hash": fingerprint(request),
        "created_at": now,
    } | cause
    if insert_once(session, IdempotencyKey, [row]):
        return None
    seen = session.get_one(IdempotencyKey, (merchant_id, user_id, key), populate_existing=True)
    if seen.request_hash != row["request_hash"]:
        raise KeyReused()
    return seen


def once(
    session: Session,
    merchant_id: UUID,
    user_id: UUID,
    key: str | None,
    request: Any,
    now: datetime,
    act: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Run ``act`` once per key and return its answer (JSON values); a repeated key returns the stored answer.

    All in the caller's unit of work, so that a key without an answer is never seen. Raises ``KeyReused``.
    """
    if key is None:
        return act()
    seen = claim(session, merchant_id, user_id, key, request, now)
    if seen:
        return seen.answer or {}
    stored = act()
    mine = (IdempotencyKey.merchant_id == merchant_id, IdempotencyKey.user_id == user_id)
    session.execute(
        update(IdempotencyKey)
        .where(*mine, IdempotencyKey.key == key)
        .values(answer=stored)
        .execution_options(synchronize_session=False)
    )
    return stored


def answer(session: Session, merchant_id: UUID, stored: dict[str, Any], **cause: UUID) -> None:
    """Store the answer with the key, if there is one, of this ``payment_id`` or ``refund_id``."""
    ((column, value),) = cause.items()
    _answer_of(column)(session, merchant=merchant_id, cause=value, stored=stored)


@cache
def _answer_of(column: str) -> Changing:
    caused = getattr(IdempotencyKey, column) == bindparam("cause")
    return Changing(
        update(IdempotencyKey)
        .where(IdempotencyKey.merchant_id == bindparam("merchant"), caused)
        .values(answer=bindparam("stored"))
    )


def forget_old(session: Session, now: datetime) -> int:
    """Remove keys older than thirty days; returns how many."""
    removed = (
        delete(IdempotencyKey).where(IdempotencyKey.created_at < now - KEPT).returning(IdempotencyKey.key)
    )
    return len(session.scalars(removed).all())
