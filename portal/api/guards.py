"""API guards: the bearer token identifies the user; cookies are ignored."""

from __future__ import annotations

from functools import partial, wraps
from typing import Any
from uuid import UUID

from flask import g, request
from flask_babel import gettext as _
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from portal.core.errors import N_, Forbidden, NotFound
from portal.core.networks import subscriber_of
from portal.core.roles import Actor, Need, Role
from portal.extensions import db
from portal.guards import SIGNED_IN, View, find_session, may
from portal.guards import origin as origin
from portal.guards import public as public
from portal.guards import requires as stamp
from portal.services import second_factor

from .tokens import Kind, read


def actor() -> Actor:
    """The user of this request; the guard guarantees one."""
    person: Actor = g.actor
    return person


def caller() -> str:
    """The key of rate limits: the user, or the network address without a valid token."""
    ids = _token()
    return str(ids[0]) if ids else subscriber_of(request.remote_addr or "")


def _token() -> tuple[UUID, UUID] | None:
    """The ids of user and session in the token that this request bears; looked at once in a request."""
    if "token" not in g:
        sent = request.authorization
        text = (sent.token or "") if sent and sent.type == "bearer" else ""
        g.token = read(text, Kind.ACCESS)
    found: tuple[UUID, UUID] | None = g.token
    return found


def unauthorized(text: str) -> Unauthorized:
    """401 with the challenge that HTTP asks for."""
    return Unauthorized(text, www_authenticate=WWWAuthenticate("bearer"))


def _admit(needs: tuple[Need, ...]) -> None:
    if request.method == "OPTIONS":
        # A CORS preflight carries no token; it only learns the allowed methods.
        return
    ids = _token()
    found = find_session(ids[1]) if ids else None
    if found is None:
        raise unauthorized(_("Send a valid access token: Authorization: Bearer <token>."))
    if found.actor.shop_needs_second_factor and not second_factor.is_active(db.session, found.actor.id):
        raise Forbidden(
            N_(
                "This shop requires two-factor sign-in of its team. Set it up on your account's security page."
            ),
            code="second_factor_required",
        )
    if not may(found.actor, needs, request.method):
        if found.actor.member_of and needs != (Role.CUSTOMER,):
            raise Forbidden(_("Your role in this shop does not allow this. Ask the shop's owner."))
        raise Forbidden(_("This is for another kind of account than yours."))
    g.actor = found.actor.buying() if needs == (Role.CUSTOMER,) else found.actor


def either_party(view: View) -> View:
    """A view about one plan, for its shop and for its customer: a member of a shop may be the customer of another.

    It stands under the guard.
    """

    @wraps(view)
    def tried(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except NotFound:
            if actor().member_of is None:
                raise
            g.actor = actor().buying()
            return view(*args, **kwargs)

    return tried


requires = partial(stamp, admit=_admit)
signed_in = requires(*SIGNED_IN)
