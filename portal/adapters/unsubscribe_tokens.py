"""Signed tokens that end reminders before the due date; never stored, and valid for ever, as they do nothing else."""

from __future__ import annotations

from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from .signing import derived_key


def make(secret: str, user_id: UUID) -> str:
    return _serializer(secret).dumps(user_id.hex)


def read(secret: str, token: str) -> UUID | None:
    """The user's id, or None for a token not made here."""
    try:
        return UUID(_serializer(secret).loads(token))
    except (BadData, ValueError, TypeError, AttributeError):
        return None


def _serializer(secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(derived_key(secret, "links to unsubscribe"))
