"""The secret part of a calendar's address: signed, never stored, so it can be shown again."""

from __future__ import annotations

from uuid import UUID

from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from .signing import derived_key


def make(secret: str, user_id: UUID, key: UUID) -> str:
    """A token for this user's calendar; a new key puts an end to it."""
    return _signer(secret).sign(base64_encode(user_id.bytes + key.bytes)).decode()


def read(secret: str, token: str) -> tuple[UUID, UUID] | None:
    """The user's id and calendar key, or None for a token not made here.

    The caller compares the key with the user's own.
    """
    try:
        ids = base64_decode(_signer(secret).unsign(token))
        return UUID(bytes=ids[:16]), UUID(bytes=ids[16:])
    except (BadData, ValueError):
        return None


def _signer(secret: str) -> Signer:
    return Signer(derived_key(secret, "calendar addresses"))
