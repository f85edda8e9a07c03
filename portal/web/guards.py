"""Guards of pages: the session cookie identifies the user; anonymous users are sent to sign in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask, Response, current_app, flash, make_response, redirect, session, url_for
from flask_babel import gettext as _
from flask_login import UserMixin, current_user, login_user, logout_user
from flask_wtf.csrf import CSRFError
from htmx_flask import request

from portal import http_errors
from portal.core.errors import N_, Forbidden
from portal.core.roles import Actor, Need, Role
from portal.extensions import db, login_manager, now
from portal.guards import SIGNED_IN, find_session, may
from portal.guards import origin as origin
from portal.guards import public as public
from portal.guards import requires as stamp
from portal.queries.sessions import OpenSession
from portal.services import second_factor, sessions
from portal.services.transaction import unit_of_work

from . import form_drafts

# Cookie lifetime; longer than a session, so that an expired user's form draft can be restored.
REMEMBERED = timedelta(days=7)

# A browser reads a second slash or a backslash as the start of another host, and drops control characters.
LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")

# What an admin who needs a second factor can open to set it up, or to leave.
WITHOUT_SECOND_FACTOR = frozenset(
    {
        *(
            "security.show",
            "second_factor.begin",
            "second_factor.activate",
            "passkeys.add",
            "passkeys.options",
        ),
        *("confirmation.ask", "passkey_steps.confirm", "passkey_steps.confirm_options", "auth.logout"),
        # Another of their shops may not require it.
        *("shops.show", "shops.choose"),
    }
)


@dataclass(frozen=True)
class SignedIn(UserMixin):
    """The signed-in person as Flask-Login carries it: the session with its actor, whose name is in the page's head."""

    session: OpenSession

    def get_id(self) -> str:
        """What the cookie names: the session, and whose it was once it has ended, for the drafts of forms."""
        return f"{self.actor.id}.{self.session.id}"

    @property
    def actor(self) -> Actor:
        return self.session.actor

    @property
    def name(self) -> str:
        return self.actor.name

    @property
    def role(self) -> Role:
        return self.actor.role


def _admit(needs: tuple[Need, ...]) -> Response | None:
    if not current_user.is_authenticated:
        return send_first("auth.login")
    if _lacks_second_factor():
        by_shop = current_user.actor.shop_needs_second_factor
        flash(
            _("Your shop requires two-factor sign-in of its team. Set it up to go on.")
            if by_shop
            else _("Admins sign in with two factors here. Set up the second one to go on."),
            "info",
        )
        return make_response(redirect(url_for("security.show"), 303))
    if may(current_user.actor, needs, request.method):
        return None
    if current_user.actor.member_of and Role.ADMIN not in needs:
        raise Forbidden(_("Your role in this shop does not allow this. Ask the shop's owner."))
    raise Forbidden(
        _(
            "You are signed in as %(name)s, and this page is for another kind of account.",
            name=current_user.name,
        )
    )


def _lacks_second_factor() -> bool:
    """Whether this person has to set one up first: an admin where the portal is served over https, or a member of a
    shop that requires it."""
    person = current_user.actor
    as_admin = current_app.config["ADMINS_NEED_SECOND_FACTOR"] and person.role is Role.ADMIN
    return (
        (as_admin or person.shop_needs_second_factor)
        and request.endpoint not in WITHOUT_SECOND_FACTOR
        and not second_factor.is_active(db.session, person.id)
    )


requires = partial(stamp, admit=_admit)
signed_in = requires(*SIGNED_IN)


def actor() -> Actor:
    """The signed-in person of this request, who is buying on a page for customers; the guard has made sure that there
    is one."""
    person: Actor = current_user.actor
    return person.buying() if getattr(_view(), "guard", None) == (Role.CUSTOMER,) else person


def _view() -> Any:
    return current_app.view_functions.get(request.endpoint or "")


def home_url(person: Actor) -> str:
    """Where a person starts: who acts for a shop at its dashboard, however they signed up."""
    if person.role is Role.ADMIN:
        return url_for("admin.overview")
    return url_for("merchant.dashboard" if person.member_of else "customer.home")


def local_path(target: str | None) -> str | None:
    """The address to go on to, if it is one of this portal's own."""
    return target if target and LOCAL_PATH.fullmatch(target) else None


def session_id() -> UUID:
    """The session of this request; the guard has made sure that there is one."""
    return current_user.session.id


def start_session(opened: UUID) -> Actor:
    """Give this browser the session that was opened for it."""
    found = find_session(opened)
    if found is None:
        raise Forbidden(N_("This account cannot sign in."))
    carried = form_drafts.transfer(found.actor.id)
    session.clear()
    session.update(carried)
    session.permanent = True
    login_user(SignedIn(found))
    return found.actor


def sign_out() -> None:
    """End this browser's session, if it has one, and forget what the cookie held."""
    if current_user.is_authenticated:
        with unit_of_work(db.session):
            sessions.end(db.session, current_user.actor, session_id(), origin(), now())
    forget_session()


def forget_session() -> None:
    """Empty the cookie of a session that has ended."""
    logout_user()
    session.clear()


def init_app(app: Flask) -> None:
    app.config["PERMANENT_SESSION_LIFETIME"] = REMEMBERED
    login_manager.user_loader(_load)
    app.register_error_handler(CSRFError, _refuse_stale_form)


def send_first(endpoint: str) -> Response:
    """Send the person to this page before the one that was asked for; what was typed is kept."""
    if request.method == "GET":
        page: str | None = request.full_path.rstrip("?")
    else:
        page = form_drafts.save() or referring_page()
    url = url_for(endpoint, next=page)
    if request.htmx:
        response = make_response("", 204)
        response.headers["HX-Redirect"] = url
        return response
    return make_response(redirect(url, 303))


def _refuse_stale_form(_error: CSRFError) -> Response:
    """For a form of another session than the browser has: a person signed out or in meanwhile, in a second tab."""
    if current_user.is_authenticated and request.endpoint == "auth.login":
        target = local_path(request.args.get("next")) or home_url(current_user.actor)
        return make_response(redirect(target, 303))
    if current_user.is_authenticated or not getattr(_view(), "guard", ()):
        return http_errors.page(400, _("This form has expired. Reload the page and try again."))
    if request.endpoint == "auth.logout":
        return make_response(redirect(url_for("auth.login"), 303))
    text = _("You were signed out. Sign in and you are back here; nothing was charged.")
    return http_errors.page(400, text, (url_for("auth.login", next=referring_page()), _("Sign in")))


def referring_page() -> str | None:
    """The page of this portal that a request was sent from, to be opened again afterwards.

    None if that address does not answer GET, such as that of a rejected form.
    """
    came_from = urlsplit(request.referrer or "")
    routes = current_app.create_url_adapter(request)
    opens = came_from.netloc == request.host and routes and routes.test(came_from.path, "GET")
    return came_from.path if opens else None


def _load(user: str) -> SignedIn | None:
    try:
        session_id = UUID(str(user).partition(".")[2])
    except ValueError:
        # A cookie of an earlier version of the portal.
        return None
    found = find_session(session_id)
    return SignedIn(found) if found else None
