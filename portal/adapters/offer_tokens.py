"""The tokens of offers' emails: signed, never stored; they name the offer and the user whose address they prove."""

from __future__ import annotations

from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from .signing import derived_key


def make(secret: str, plan_id: UUID, user_id: UUID) -> str:
    """A token for the email about this offer to this user. It works as long as the offer is open."""
    return _serializer(secret).dumps([plan_id.hex, user_id.hex])


def read(secret: str, token: str) -> tuple[UUID, UUID] | None:
    """The ids of plan and user, or None for a token that was cut or made elsewhere.

    The caller makes sure that the offer is open and still that user's.
    """
    try:
        plan_id, user_id = _serializer(secret).loads(token)
        return UUID(plan_id), UUID(user_id)
    except (BadData, ValueError, TypeError, AttributeError):
        return None


def _serializer(secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(derived_key(secret, "links of offers"))
