"""The API's tokens: signed with HS256 under a key of their own; they hold an id and a version, nothing personal."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import jwt
from flask import Flask, current_app
from jwt.types import Options

from portal.adapters.signing import derived_key
from portal.core.roles import Actor
from portal.extensions import db, now
from portal.queries import accounts

ALGORITHM = "HS256"
REQUIRED: Options = {"require": ["sub", "exp", "nbf", "type", "version"]}


class Kind(StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"


LIFETIMES = {Kind.ACCESS: timedelta(minutes=15), Kind.REFRESH: timedelta(days=1)}


def init_app(app: Flask) -> None:
    # A key of its own: whoever could read a token's key could still not sign a session's cookie.
    app.config["TOKEN_KEY"] = derived_key(app.config["SECRET_KEY"], "tokens of the API")


def issue(user_id: UUID, session_version: int, kind: Kind) -> str:
    """A token that is valid until its lifetime is over or the session version changes."""
    issued_at = now()
    claims = {
        "sub": str(user_id),
        "version": session_version,
        "type": kind,
        "iat": issued_at,
        "nbf": issued_at,
        "exp": issued_at + LIFETIMES[kind],
    }
    return jwt.encode(claims, current_app.config["TOKEN_KEY"], ALGORITHM)


def subject(token: str, kind: Kind) -> tuple[UUID, int] | None:
    """Whose token this is and of which session version; None unless it is a valid one of this kind."""
    try:
        claims = jwt.decode(token, current_app.config["TOKEN_KEY"], algorithms=[ALGORITHM], options=REQUIRED)
        return (UUID(claims["sub"]), claims["version"]) if claims["type"] == kind else None
    except (jwt.PyJWTError, ValueError, KeyError):
        return None


def find_actor(token: str, kind: Kind) -> Actor | None:
    """Who acts with this token, asked of the database each time: a changed password ends every token at once."""
    found = subject(token, kind)
    return accounts.find_actor(db.session, *found) if found else None
