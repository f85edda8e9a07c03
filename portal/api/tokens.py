"""The API's tokens: signed with HS256 under a key of their own; they hold an id and a version, nothing personal."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from flask import Flask, current_app
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token
from jwt import PyJWTError, decode
from jwt.types import Options

from portal.adapters.signing import derived_key
from portal.core.roles import Actor
from portal.extensions import db
from portal.queries import accounts

ALGORITHM = "HS256"
ACCESS_LASTS = timedelta(minutes=15)
REFRESH_LASTS = timedelta(days=1)
WHOLE: Options = {"require": ["sub", "exp", "nbf", "type", "version"]}


class Kind(StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"


def init_app(app: Flask) -> None:
    app.config.update(
        # A key of its own: whoever could read a token's key could still not sign a session's cookie.
        JWT_SECRET_KEY=derived_key(app.config["SECRET_KEY"], "tokens of the API"),
        JWT_ALGORITHM=ALGORITHM,
        JWT_DECODE_ALGORITHMS=[ALGORITHM],
        JWT_TOKEN_LOCATION=["headers"],
        JWT_COOKIE_CSRF_PROTECT=False,
        JWT_ACCESS_TOKEN_EXPIRES=ACCESS_LASTS,
        JWT_REFRESH_TOKEN_EXPIRES=REFRESH_LASTS,
    )
    JWTManager(app)


def issue(user_id: UUID, session_version: int, kind: Kind) -> str:
    """A token that lasts fifteen minutes (access) or a day (refresh), or until the session version changes."""
    create = create_access_token if kind is Kind.ACCESS else create_refresh_token
    return create(str(user_id), additional_claims={"version": session_version})


def subject(token: str, kind: Kind) -> tuple[UUID, int] | None:
    """Whose token this is and of which session version; None unless it is a valid one of this kind."""
    try:
        # By PyJWT itself: the extension reads a token twice, which is felt where it is read on every call.
        claims = decode(token, current_app.config["JWT_SECRET_KEY"], algorithms=[ALGORITHM], options=WHOLE)
        return (UUID(claims["sub"]), claims["version"]) if claims["type"] == kind else None
    except (PyJWTError, ValueError, KeyError):
        return None


def find_actor(token: str, kind: Kind) -> Actor | None:
    """Who acts with this token, asked of the database each time: a changed password ends every token at once."""
    found = subject(token, kind)
    return accounts.find_actor(db.session, *found) if found else None
