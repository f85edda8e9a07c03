"""The base of all tables: naming of constraints, ids, column types; holds no rules."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, DateTime, Dialect, MetaData, String, Uuid
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import JSON, TypeDecorator
from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """A UUIDv7: made by the program, in order of time, so that lists page by id."""
    return uuid7()


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: timestamptz on PostgreSQL, UTC text on SQLite; a naive time is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class IdText(String):
    """An id cast to text, as answers show it: making a UUID of each of hundreds would cost more than reading them."""

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[str | None], str | None] | None:
        """SQLite keeps ids without their hyphens."""
        return _hyphenated if dialect.name == "sqlite" else None


def _hyphenated(text: str | None) -> str | None:
    return text and f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {
        uuid.UUID: Uuid(),
        datetime: UtcDateTime(),
        int: BigInteger(),
        dict[str, Any]: JSON(),
    }
