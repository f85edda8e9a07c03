"""Who may open a view: a stamp on each; a view without a stamp does not answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Flask, Response, abort, current_app, make_response, redirect, request, session, url_for
from flask_babel import gettext as _
from flask_login import UserMixin, current_user, login_user

from portal.core.errors import N_, Forbidden
from portal.core.roles import Actor, Role
from portal.extensions import db, login_manager, now
from portal.queries import accounts

View = Callable[..., Any]

SESSION_HOURS = 12
ADMIN_IDLE = timedelta(minutes=30)
SIGNED_IN = (Role.MERCHANT, Role.CUSTOMER, Role.ADMIN)


@dataclass(frozen=True)
class SignedIn(UserMixin):
    """The signed-in person as Flask-Login carries it: the actor, and its name for the page's head."""

    actor: Actor

    def get_id(self) -> str:
        return f"{self.actor.id}.{self.actor.session_version}"

    @property
    def name(self) -> str:
        return self.actor.name

    @property
    def role(self) -> Role:
        return self.actor.role


def public(view: View) -> View:
    """Anyone may open this view."""
    view.guard = ()  # type: ignore[attr-defined]
    return view


def requires(*roles: Role) -> Callable[[View], View]:
    """Only these roles may open the view; anyone else is sent to sign in, or told that it is not theirs."""

    def stamp(view: View) -> View:
        view.guard = roles  # type: ignore[attr-defined]
        return view

    return stamp


signed_in = requires(*SIGNED_IN)


def actor() -> Actor:
    """The signed-in person of this request; the guard has made sure that there is one."""
    return current_user.actor


def home_url(role: Role) -> str:
    """Where a person of this role starts."""
    return url_for(
        {Role.MERCHANT: "merchant.dashboard", Role.CUSTOMER: "customer.home", Role.ADMIN: "admin.overview"}[
            role
        ]
    )


def open_session(user_id: UUID) -> Actor:
    """Sign the user in on this browser, for twelve hours at most."""
    person = accounts.find_actor(db.session, user_id, accounts.session_version(db.session, user_id))
    if person is None:
        raise Forbidden(N_("This account cannot sign in."))
    session.clear()
    session.permanent = True
    login_user(SignedIn(person))
    session["opened_at"] = session["seen_at"] = now().timestamp()
    return person


def init_app(app: Flask) -> None:
    app.view_functions["static"] = public(app.view_functions["static"])
    app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(hours=SESSION_HOURS)
    app.before_request(_check)
    login_manager.user_loader(_load)


def _check() -> Response | None:
    if request.endpoint is None:
        return None
    roles = getattr(current_app.view_functions[request.endpoint], "guard", None)
    if roles is None:
        abort(404)
    if not roles:
        return None
    if not current_user.is_authenticated:
        return _sign_in_first()
    if current_user.role not in roles:
        raise Forbidden(_("You are signed in as %(name)s, and this page is for another kind of account.",
                          name=current_user.name))  # fmt: skip
    return None


def _sign_in_first() -> Response:
    target = request.full_path.rstrip("?") if request.method == "GET" else request.referrer or "/"
    url = url_for("auth.login", next=target if target.startswith("/") else None)
    if request.htmx:
        response = make_response("", 204)
        response.headers["HX-Redirect"] = url
        return response
    return make_response(redirect(url, 303))


def _load(user: str) -> SignedIn | None:
    user_id, _dot, version = user.partition(".")
    moment = now().timestamp()
    if moment - session.get("opened_at", 0) > SESSION_HOURS * 3600:
        return None
    person = accounts.find_actor(db.session, UUID(user_id), int(version))
    if person and person.role is Role.ADMIN:
        if moment - session.get("seen_at", 0) > ADMIN_IDLE.total_seconds():
            return None
        session["seen_at"] = moment
    return SignedIn(person) if person else None
