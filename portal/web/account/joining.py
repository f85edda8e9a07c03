"""The page to which the email of a team's invitation leads, with and without an account. GET joins nothing."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, current_app, make_response, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from portal.adapters import link_tokens
from portal.core.errors import Conflict, NotFound
from portal.core.links import Purpose
from portal.core.sessions import PAGES_LAST
from portal.extensions import db, limiter, now
from portal.presentation.i18n import error_text, language
from portal.queries.team import get_invitation
from portal.services import joining, second_factor, sessions
from portal.services.invitations import check_claim
from portal.services.transaction import unit_of_work
from portal.web.guards import actor, origin, public, session_id, sign_out, start_session
from portal.web.rendering import done

from . import known_browser, second_step
from .passwords import ClaimForm, ReturnForm, authenticate, hashed

bp = Blueprint("joining", __name__, url_prefix="/join")

OPEN_TO_ALL = "120 per minute"
# What other refusals have a page of their own that says why.
TOLD = frozenset({"conflict", "own_customer", "shop_suspended"})


@bp.get("/<token>")
@public
def show(token: str) -> ResponseReturnValue:
    link_id, verify = _read(token), current_app.config["VERIFY_EMAIL"]
    _invitation, user = joining.find(db.session, link_id, now())
    if current_user.is_authenticated and actor().id != user.id:
        url = url_for(".switch", token=token)
        return render_template("auth/offer_for_another.html", switch_url=url, email=actor().email)
    claims = joining.has_to_claim(db.session, user, verify=verify)
    form = ClaimForm(formdata={}) if claims else ReturnForm(formdata={})
    return _page(token, form)


@bp.post("/<token>")
@public
@limiter.limit(OPEN_TO_ALL)
def join(token: str) -> ResponseReturnValue:
    """Join as who is signed in, by the account's password, or with a new account."""
    link_id, verify = _read(token), current_app.config["VERIFY_EMAIL"]
    _invitation, user = joining.find(db.session, link_id, now())
    if current_user.is_authenticated:
        if actor().id != user.id:
            return show(token)
        with unit_of_work(db.session):
            shop_id = joining.join(db.session, link_id, actor().id, now(), verify=verify)
            sessions.act_for(db.session, session_id(), actor(), shop_id)
        return _joined()
    if joining.has_to_claim(db.session, user, verify=verify):
        return _claim(token, link_id, user.email)
    return _sign_in(token, link_id, user.email, user.id)


def _claim(token: str, link_id: UUID | None, email: str) -> ResponseReturnValue:
    form, verify = ClaimForm(), current_app.config["VERIFY_EMAIL"]
    form.validate()
    with form.collecting():
        name = check_claim(form.name.data, email, form.password.data)
        if not form.errors:
            password_hash = hashed(form.password.data)
            with unit_of_work(db.session):
                user_id, version, shop_id = joining.claim(
                    db.session, link_id, name, password_hash, language(), now(), verify=verify
                )
                opened = sessions.open_session(
                    db.session, user_id, version, origin(), now(), PAGES_LAST, shop_id=shop_id
                )
            return _enter(opened)
    return _page(token, form)


def _sign_in(token: str, link_id: UUID | None, email: str, user_id: UUID) -> ResponseReturnValue:
    form, verify = ReturnForm(), current_app.config["VERIFY_EMAIL"]
    if form.validate():
        with form.collecting():
            known = authenticate(email, form.password.data)
            if known and known.user_id == user_id:
                if second_factor.is_active(db.session, user_id):
                    # After the code this page has one button.
                    return second_step.begin(known, url_for(".show", token=token))
                with unit_of_work(db.session):
                    shop_id = joining.join(db.session, link_id, user_id, now(), verify=verify)
                    opened = sessions.open_session(
                        db.session, user_id, known.version, origin(), now(), PAGES_LAST, shop_id=shop_id
                    )
                return _enter(opened)
            form.password.errors = [_("This is not the password of this account.")]
    return _page(token, form)


@bp.post("/<token>/switch")
@public
def switch(token: str) -> Response:
    """Sign out whoever is signed in here, and go on as the one to whom the link was sent."""
    joining.find(db.session, _read(token), now())
    sign_out()
    return make_response("", 303, {"Location": url_for(".show", token=token)})


def _page(token: str, form: ClaimForm | ReturnForm) -> ResponseReturnValue:
    invitation, user = joining.find(db.session, _read(token), now())
    page = render_template(
        "auth/join.html",
        shop=get_invitation(db.session, invitation.merchant_id, invitation.invited_by),
        role=invitation.role,
        email=user.email,
        token=token,
        form=form,
    )
    return page, 422 if form.errors else 200


def _enter(opened: UUID | None) -> ResponseReturnValue:
    if opened is None:
        # The password was changed meanwhile.
        return done(url_for("auth.login"), _("Sign in to go on."), "info")
    person = start_session(opened)
    return known_browser.remember(_joined(), person.id)


def _joined() -> Response:
    return done(url_for("merchant.dashboard"), _("Welcome to the team."))


def _read(token: str) -> UUID | None:
    return link_tokens.read(current_app.config["SECRET_KEY"], Purpose.JOIN_SHOP, token)


@bp.errorhandler(NotFound)
@bp.errorhandler(Conflict)
def _spent(error: NotFound | Conflict) -> Response:
    """A page of its own: 404 for what was never a link, 410 for one that does not work any more."""
    told = error_text(error) if error.code in TOLD else None
    status = 404 if isinstance(error, NotFound) else 409 if told else 410
    return make_response(render_template("auth/join_refused.html", reason=error.code, told=told), status)
