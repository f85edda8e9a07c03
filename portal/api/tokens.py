"""The API's tokens: signed with HS256 under a key of their own; they hold the ids of user and session alone."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from time import time
from typing import Any
from uuid import UUID

import jwt
from flask import Flask, current_app
from jwt.types import Options

from portal.adapters.signing import derived_key
from portal.core.sessions import API_LASTS
from portal.extensions import now

ALGORITHM = "HS256"
REQUIRED: Options = {"require": ["sub", "sid", "type", "iat", "exp"]}


class Kind(StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"


LIFETIMES = {Kind.ACCESS: timedelta(minutes=15), Kind.REFRESH: API_LASTS}


def init_app(app: Flask) -> None:
    # A key of its own: a leaked token key cannot sign a session cookie.
    app.config["TOKEN_KEY"] = derived_key(app.config["SECRET_KEY"], "tokens of the API")


def issue(user_id: UUID, session_id: UUID, kind: Kind) -> str:
    """A token that is valid until its lifetime is over or its session ends."""
    issued_at = now()
    claims = {
        "sub": str(user_id),
        "sid": str(session_id),
        "type": kind,
        "iat": issued_at,
        "exp": issued_at + LIFETIMES[kind],
    }
    return jwt.encode(claims, current_app.config["TOKEN_KEY"], ALGORITHM)


def read(token: str, kind: Kind) -> tuple[UUID, UUID] | None:
    """Whose token this is and of which session; None unless it is a valid one of this kind."""
    try:
        claims = _signed(token, current_app.config["TOKEN_KEY"])
        if claims["type"] != kind or claims["exp"] <= time():
            return None
        return UUID(claims["sub"]), UUID(claims["sid"])
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        return None


@lru_cache(maxsize=4096)
def _signed(token: str, key: bytes) -> dict[str, Any]:
    """The claims of a token that was signed with this key: a program sends it for as long as it lasts."""
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=[ALGORITHM], options=REQUIRED)
    return claims
