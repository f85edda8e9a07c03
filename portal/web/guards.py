"""Who opens a page: found by the session's cookie alone; whoever is not signed in is sent to sign in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask, Response, current_app, make_response, redirect, session, url_for
from flask_babel import gettext as _
from flask_login import UserMixin, current_user, login_user
from htmx_flask import request

from portal.core.errors import N_, Forbidden
from portal.core.roles import Actor, Role
from portal.extensions import db, login_manager, now
from portal.guards import SIGNED_IN
from portal.guards import public as public
from portal.guards import requires as stamp
from portal.queries import accounts

from . import form_drafts

SESSION_HOURS = 12
# So long a browser still tells whose session has ended: a form that was left open is not refused as a stranger's.
REMEMBERED = timedelta(days=7)

# A browser reads a second slash or a backslash as the start of another host, and drops control characters.
LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
ADMIN_IDLE = timedelta(minutes=30)


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


def _admit(roles: tuple[Role, ...]) -> Response | None:
    if not current_user.is_authenticated:
        return _sign_in_first()
    if roles == (Role.CUSTOMER,) and current_user.role is not Role.CUSTOMER:
        raise Forbidden(
            _(
                "You are signed in as %(name)s, which is not a customer's account. An offer sent to its address "
                "cannot be accepted with it: ask the shop to send the offer to another address of yours.",
                name=current_user.name,
            )
        )
    if current_user.role not in roles:
        raise Forbidden(
            _(
                "You are signed in as %(name)s, and this page is for another kind of account.",
                name=current_user.name,
            )
        )
    return None


requires = partial(stamp, admit=_admit)
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


def local_path(target: str | None) -> str | None:
    """The address to go on to, if it is one of this portal's own."""
    return target if target and LOCAL_PATH.fullmatch(target) else None


def open_session(user_id: UUID) -> Actor:
    """Sign the user in on this browser, for twelve hours at most."""
    person = accounts.find_actor(db.session, user_id, accounts.session_version(db.session, user_id))
    if person is None:
        raise Forbidden(N_("This account cannot sign in."))
    carried = form_drafts.transfer(user_id)
    session.clear()
    session.update(carried)
    session.permanent = True
    login_user(SignedIn(person))
    session["opened_at"] = session["seen_at"] = now().timestamp()
    return person


def init_app(app: Flask) -> None:
    app.config["PERMANENT_SESSION_LIFETIME"] = REMEMBERED
    login_manager.user_loader(_load)


def _sign_in_first() -> Response:
    if request.method == "GET":
        page: str | None = request.full_path.rstrip("?")
    else:
        page = form_drafts.save() or referring_page()
    url = url_for("auth.login", next=page)
    if request.htmx:
        response = make_response("", 204)
        response.headers["HX-Redirect"] = url
        return response
    return make_response(redirect(url, 303))


def referring_page() -> str | None:
    """The page of this portal that a request was sent from, to be opened again afterwards.

    The answer to a form that was refused stands at an address that cannot be opened; then there is none.
    """
    came_from = urlsplit(request.referrer or "")
    routes = current_app.create_url_adapter(request)
    opens = came_from.netloc == request.host and routes and routes.test(came_from.path, "GET")
    return came_from.path if opens else None


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
