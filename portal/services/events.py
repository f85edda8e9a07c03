"""The audit trail: every event is added here and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Insert,
    Select,
    SQLColumnExpression,
    Uuid,
    cast,
    delete,
    func,
    insert,
    literal,
    null,
)
from sqlalchemy.orm import Session

from portal.core.roles import PORTAL_ID, Actor, Origin
from portal.database import is_postgresql
from portal.models import Event, EventOrigin, new_id

from .transaction import insert_rows

Column = SQLColumnExpression[Any]

ORIGINS_KEPT = timedelta(days=90)


def record(
    session: Session,
    kind: str,
    *,
    merchant_id: UUID,
    at: datetime,
    actor_id: UUID | None = None,
    plan_id: UUID | None = None,
    origin: Origin | None = None,
    **facts: object,
) -> None:
    """Add one event. ``facts`` are JSON values (amounts in minor units); no actor means the portal itself.

    ``origin`` is kept beside it for 90 days, as network and browser.
    """
    about = {"merchant_id": merchant_id, "plan_id": plan_id, "actor_id": actor_id, "at": at}
    event_id = new_id()
    insert_rows(session, Event, [about | {"kind": kind, "facts": facts, "id": event_id}])
    if origin:
        key = {"merchant_id": merchant_id, "event_id": event_id, "created_at": at}
        kept = {"network": origin.network, "browser": origin.browser}
        insert_rows(session, EventOrigin, [key | kept])


def record_export(session: Session, actor: Actor, file: str, origin: Origin, now: datetime) -> None:
    """Record that somebody took a file of a shop's data."""
    shop = actor.merchant_id
    record(session, "exported", merchant_id=shop, actor_id=actor.id, at=now, origin=origin, file=file)


def record_own_download(session: Session, actor: Actor, origin: Origin, now: datetime) -> None:
    """Record that a person took a file of their own data."""
    record(session, "data_downloaded", merchant_id=PORTAL_ID, actor_id=actor.id, at=now, origin=origin)


def record_reading(session: Session, admin: Actor, user_id: UUID, origin: Origin, now: datetime) -> None:
    """Record that an admin opened a person's page."""
    user = str(user_id)
    record(session, "person_read", merchant_id=PORTAL_ID, actor_id=admin.id, at=now, origin=origin, user=user)


def forget_origins(session: Session, now: datetime) -> None:
    """Remove where events of more than 90 days ago came from."""
    session.execute(delete(EventOrigin).where(EventOrigin.created_at < now - ORIGINS_KEPT))


def record_many(session: Session, rows: list[dict[str, object]]) -> None:
    """Add many events at once; each row is complete but for its id."""
    insert_rows(session, Event, [row | {"id": new_id()} for row in rows])


def for_each(
    session: Session,
    kind: str,
    rows: Select[Any],
    order: tuple[Column, ...],
    plan_id: Column,
    facts: Mapping[str, Column],
    *,
    merchant_id: UUID,
    at: datetime,
) -> Insert:
    """The statement that adds one event of the portal's own for each of the ``rows``, in their ``order``.

    ``facts`` are made of columns of the rows; what is no number is given as text.
    """
    on_postgresql = is_postgresql(session)
    make = func.json_build_object if on_postgresql else func.json_object
    pairs = chain.from_iterable((literal(name), column) for name, column in facts.items())
    selected = rows.with_only_columns(
        *(literal(merchant_id, Uuid()), _ids(on_postgresql, order), literal(kind), null(), plan_id),
        *(make(*pairs), literal(at)),
    )
    columns = ["merchant_id", "id", "kind", "actor_id", "plan_id", "facts", "at"]
    return insert(Event).from_select(columns, selected)


def _ids(on_postgresql: bool, order: tuple[Column, ...]) -> ColumnElement[Any]:
    """Ids of one millisecond that count up: the last six digits of one made by the program give way to a number."""
    number = func.row_number().over(order_by=order)
    start = new_id().hex[:-6]
    if on_postgresql:
        return cast(literal(start) + func.lpad(func.to_hex(number), 6, "0"), Uuid())
    return literal(start) + func.printf("%06x", number)
