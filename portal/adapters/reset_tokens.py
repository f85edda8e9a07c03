"""Tokens for setting a new password: signed, purpose-bound, expiring, never stored."""

from __future__ import annotations

from uuid import UUID

from itsdangerous import BadData, URLSafeTimedSerializer

from .signing import derived_key

RESET_SECONDS = 3600
HIGHEST = 2**63 - 1


def make(secret: str, user_id: UUID, version: int) -> str:
    """A token for this user; it holds the session version, so a new password invalidates it."""
    return _serializer(secret).dumps([str(user_id), version])


def read(secret: str, token: str) -> tuple[UUID, int] | None:
    """The user's id and session version, or None for a token not made here or older than ``RESET_SECONDS``.

    The caller compares the version with the user's own.
    """
    try:
        user_id, version = _serializer(secret).loads(token, max_age=RESET_SECONDS)
        known = UUID(user_id), version
    except (BadData, ValueError, TypeError, AttributeError):
        return None
    return known if type(version) is int and 0 < version <= HIGHEST else None


def _serializer(secret: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(derived_key(secret, "links to set a password"))
