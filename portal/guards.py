"""Access to views of pages and API: each view is stamped with what it needs, and one without a stamp is denied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Flask, abort, current_app, g, request
from flask.typing import ResponseReturnValue

from .core.roles import Actor, Need, Origin, Role
from .extensions import db, now
from .queries import sessions
from .queries.sessions import OpenSession
from .services.sessions import see

View = Callable[..., Any]

# Authorizes a request: None lets it through, anything else is returned in place of the view's response.
Admit = Callable[[tuple[Need, ...]], ResponseReturnValue | None]

SIGNED_IN = (Role.MERCHANT, Role.CUSTOMER, Role.ADMIN)
SAFE = {"GET", "HEAD", "OPTIONS"}


def public(view: View) -> View:
    """Anyone may open this view."""
    view.guard = ()  # type: ignore[attr-defined]
    return view


def requires(*needs: Need, admit: Admit) -> Callable[[View], View]:
    """Only who meets one of the needs may open the view; the face's ``admit`` authenticates the request.

    To act for a shop a permission has to be named: ``Role.MERCHANT`` alone lets its members read.
    """

    def stamp(view: View) -> View:
        view.guard, view.admit = needs, admit  # type: ignore[attr-defined]
        return view

    return stamp


def may(actor: Actor, needs: tuple[Need, ...], method: str) -> bool:
    """Whether the person may send such a request to a view with these needs."""
    if set(needs) == set(SIGNED_IN):
        return True
    return any(actor.may(need) for need in needs if method in SAFE or need is not Role.MERCHANT)


def find_session(session_id: UUID) -> OpenSession | None:
    """The session that a cookie or token names, asked of the database each time; that it is in use is noted."""
    moment = now()
    found = sessions.find_session(db.session, session_id, moment)
    if found is None:
        return None
    see(db.session, found.id, found.last_seen_at, moment)
    # For the log.
    g.person = found.actor
    return replace(found, actor=verified_or_not(found.actor))


def verified_or_not(person: Actor) -> Actor:
    """The person, marked if this portal verifies addresses and theirs is not verified yet; admins need none."""
    exempt = person.email_verified or person.role is Role.ADMIN
    return replace(person, must_verify=current_app.config["VERIFY_EMAIL"] and not exempt)


def origin() -> Origin:
    """Where the request comes from."""
    return Origin(request.remote_addr or "", request.user_agent.string)


def init_app(app: Flask) -> None:
    app.view_functions["static"] = public(app.view_functions["static"])
    app.before_request(_check)


def _check() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None
    view: Any = current_app.view_functions[request.endpoint]
    needs = getattr(view, "guard", None)
    if needs is None:
        abort(404)
    return view.admit(needs) if needs else None
