"""The page to which an offer's email leads, without signing in, and the plain link that shops copy.

The email's link proves the address: it opens the account that accepts. GET changes nothing, as scanners follow links.
"""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from wtforms import BooleanField

from portal.adapters import offer_tokens
from portal.core.errors import Conflict, NotFound
from portal.core.sessions import PAGES_LAST
from portal.extensions import db, limiter, now
from portal.presentation.i18n import language
from portal.queries.invitations import Invitation, customer_of, find_invitation
from portal.services import invitations, offer_addresses, sessions
from portal.services.transaction import unit_of_work
from portal.web.forms import PageForm
from portal.web.guards import actor, origin, public, sign_out, start_session
from portal.web.rendering import done
from portal.web.shared.agreements import agreed_terms

from . import known_browser, second_step
from .passwords import ClaimForm, ReturnForm, authenticate, hashed

bp = Blueprint("invitations", __name__, url_prefix="/offers")

OPEN_TO_ALL = "120 per minute"
# Two forms of the page have a password.
RETURNING = "account-"


@bp.get("/<uuid:plan_id>")
@public
def plain(plan_id: UUID) -> ResponseReturnValue:
    """The link that a shop copies proves nothing, so it shows no terms and no names."""
    customer_id = customer_of(db.session, plan_id)
    if customer_id is None:
        raise NotFound()
    offer = url_for("customer.plan", plan_id=plan_id)
    is_customer = current_user.is_authenticated and actor().id == customer_id and not actor().must_verify
    if is_customer or not current_app.config["VERIFY_EMAIL"]:
        return redirect(offer, 303)
    return render_template("auth/offer_plain.html", plan_id=plan_id, offer=offer)


@bp.get("/<token>")
@public
def show(token: str) -> ResponseReturnValue:
    found = _find(token)
    return _elsewhere(found, token) or _page(found, token)


@bp.post("/<token>")
@public
@limiter.limit(OPEN_TO_ALL)
def claim(token: str) -> ResponseReturnValue:
    """Open the account with the name and the password that were typed, and go on to the offer."""
    found = _find(token)
    if away := _elsewhere(found, token):
        return away
    form = ClaimForm()
    form.validate()
    with form.collecting():
        name = invitations.check_claim(form.name.data, found.email, form.password.data)
        if not form.errors:
            password_hash = hashed(form.password.data)
            with unit_of_work(db.session):
                args = found.plan.id, found.user_id, name, password_hash, language(), now()
                version = invitations.claim(db.session, *args)
                opened = sessions.open_session(
                    db.session, found.user_id, version, origin(), now(), PAGES_LAST
                )
            return _continue(opened, found)
    return _page(found, token, form=form)


@bp.post("/<token>/sign-in")
@public
@limiter.limit(OPEN_TO_ALL)
def sign_in(token: str) -> ResponseReturnValue:
    """Prove the address of an account that was opened before, by its password beside the link."""
    found = _find(token)
    if away := _elsewhere(found, token):
        return away
    form = ReturnForm(prefix=RETURNING)
    if form.validate():
        with form.collecting():
            known = authenticate(found.email, form.password.data)
            if known and known.user_id == found.user_id:
                with unit_of_work(db.session):
                    invitations.prove(db.session, found.plan.id, found.user_id, now())
                offer = url_for("customer.plan", plan_id=found.plan.id)
                answer = second_step.after_password(known, offer, _("Your email address is verified."))
                if answer:
                    return answer
            form.password.errors = [_("Wrong password.")]
    return _page(found, token, returning=form)


class NotForMeForm(PageForm):
    stop = BooleanField(_l("Stop all further offers from this shop"))


@bp.route("/<token>/not-for-me", methods=["GET", "POST"])
@public
@limiter.limit(OPEN_TO_ALL, methods=["POST"])
def not_for_me(token: str) -> ResponseReturnValue:
    found, form = _find(token), NotForMeForm()
    if not found.open:
        return render_template("auth/offer_closed.html"), 410
    if form.validate_on_submit():
        with unit_of_work(db.session):
            offer_addresses.refuse(db.session, found.plan.id, found.user_id, form.stop.data, now())
        return render_template("auth/offer_refused.html", stopped=form.stop.data)
    return render_template("auth/offer_not_for_me.html", form=form, token=token)


@bp.post("/<token>/switch")
@public
def switch(token: str) -> Response:
    """Sign out whoever is signed in here, and go on as the one to whom the link was sent."""
    _find(token)
    sign_out()
    return make_response("", 303, {"Location": url_for(".show", token=token)})


@bp.post("/<uuid:plan_id>/send-again")
@public
@limiter.limit("20 per minute")
def send_again(plan_id: UUID) -> Response:
    with unit_of_work(db.session):
        invitations.send_again(db.session, plan_id, now())
    text = _(
        "If the offer is open, we have sent its email again, once an hour at most. Look in your spam folder too."
    )
    return done(url_for(".plain", plan_id=plan_id), text, "info")


def _find(token: str) -> Invitation:
    """Raises ``NotFound`` for a token that was cut or made elsewhere, or whose offer now has another address."""
    ids = offer_tokens.read(current_app.config["SECRET_KEY"], token)
    found = find_invitation(db.session, *ids, now()) if ids else None
    if found is None:
        raise NotFound()
    return found


def _elsewhere(found: Invitation, token: str) -> ResponseReturnValue | None:
    """Where a link leads that has nothing to prove any more, or whose browser is somebody else's."""
    offer = url_for("customer.plan", plan_id=found.plan.id)
    if current_user.is_authenticated and actor().id != found.user_id:
        url = url_for(".switch", token=token)
        return render_template("auth/offer_for_another.html", switch_url=url, email=actor().email)
    if found.verified and not found.deactivated:
        # The plan's page asks who is not signed in to sign in.
        return redirect(offer, 303)
    return None if found.open else (render_template("auth/offer_closed.html"), 410)


def _page(
    found: Invitation, token: str, form: ClaimForm | None = None, returning: ReturnForm | None = None
) -> ResponseReturnValue:
    faulty = bool((form and form.errors) or (returning and returning.errors))
    page = render_template(
        "auth/offer.html",
        plan=found.plan,
        terms=agreed_terms(found.plan.terms),
        email=found.email,
        has_account=found.has_account,
        token=token,
        form=form or ClaimForm(formdata={}),
        returning=returning or ReturnForm(formdata={}, prefix=RETURNING),
    )
    return page, 422 if faulty else 200


def _continue(opened: UUID | None, found: Invitation) -> Response:
    person = start_session(opened)
    answer = done(
        url_for("customer.plan", plan_id=found.plan.id),
        _("Welcome, %(name)s. Your email address is verified.", name=person.name),
    )
    return known_browser.remember(answer, person.id)


@bp.errorhandler(NotFound)
def _cut(error: NotFound) -> Response:
    return make_response(render_template("auth/link_spent.html", reason=error.code), 404)


@bp.errorhandler(Conflict)
def _closed(error: Conflict) -> Response:
    return make_response(render_template("auth/offer_closed.html"), 410)
