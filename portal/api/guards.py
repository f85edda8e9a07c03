"""Who may call the API: found by the bearer token alone; a cookie is never looked at."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from flask import g, request
from flask_babel import gettext as _
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from portal.core.errors import Forbidden
from portal.core.roles import Actor, Role
from portal.extensions import db
from portal.guards import SIGNED_IN
from portal.guards import public as public
from portal.guards import requires as stamp
from portal.queries import accounts

from .tokens import Kind, subject


def actor() -> Actor:
    """Who calls; the guard has made sure that there is somebody."""
    person: Actor = g.actor
    return person


def caller() -> str:
    """Whose requests are counted together: a user's, or those from a network address without a valid token."""
    found = _subject()
    return str(found[0]) if found else request.remote_addr or ""


def _subject() -> tuple[UUID, int] | None:
    """Whose token this request bears, and of which session version; looked at once in a request."""
    if "subject" not in g:
        sent = request.authorization
        token = (sent.token or "") if sent and sent.type == "bearer" else ""
        g.subject = subject(token, Kind.ACCESS)
    found: tuple[UUID, int] | None = g.subject
    return found


def unauthorized(text: str) -> Unauthorized:
    """401 with the challenge that HTTP asks for."""
    return Unauthorized(text, www_authenticate=WWWAuthenticate("bearer"))


def _admit(roles: tuple[Role, ...]) -> None:
    if request.method == "OPTIONS":
        # A browser asks before it sends the token, and is only told which methods there are.
        return
    found = _subject()
    person = accounts.find_actor(db.session, *found) if found else None
    if person is None:
        raise unauthorized(_("Send a valid access token: Authorization: Bearer <token>."))
    if person.role not in roles:
        raise Forbidden(_("This is for another kind of account than yours."))
    g.actor = person


requires = partial(stamp, admit=_admit)
signed_in = requires(*SIGNED_IN)
