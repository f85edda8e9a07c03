"""Tokens of links in emails: a random id of ``user_tokens`` under a signature of its purpose."""

from __future__ import annotations

from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from portal.core.links import Purpose

from .signing import derived_key


def make(secret: str, purpose: Purpose, link_id: UUID) -> str:
    return _serializer(secret, purpose).dumps(link_id.hex)


def read(secret: str, purpose: Purpose, token: str) -> UUID | None:
    """The id in the token, or None for one that was cut, or made elsewhere or for another purpose."""
    try:
        return UUID(_serializer(secret, purpose).loads(token))
    except (BadData, ValueError, TypeError, AttributeError):
        return None


def _serializer(secret: str, purpose: Purpose) -> URLSafeSerializer:
    return URLSafeSerializer(derived_key(secret, "links of users"), salt=purpose)
