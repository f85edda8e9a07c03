"""One's own passkeys: added, renamed and removed."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.adapters import passkeys as authenticators
from portal.core.passkeys import NAME_LONGEST, Purpose
from portal.extensions import db, now
from portal.http_compression import leave_uncompressed
from portal.queries.passkeys import credential_ids, get_passkey
from portal.services import passkeys
from portal.services.transaction import unit_of_work
from portal.web import form_drafts
from portal.web.confirmation import confirmed
from portal.web.fields import TextField
from portal.web.forms import PageForm
from portal.web.guards import actor, origin, signed_in
from portal.web.rendering import done

from . import challenges

bp = Blueprint("passkeys", __name__, url_prefix="/account/passkeys")


class NewPasskeyForm(challenges.PasskeyForm):
    name = TextField(_l("Name"), longest=NAME_LONGEST)


class NameForm(PageForm):
    name = TextField(_l("Name"), longest=NAME_LONGEST)


@bp.route("/new", methods=["GET", "POST"])
@signed_in
@form_drafts.preserve("name")
@confirmed
def add() -> ResponseReturnValue:
    site, form = challenges.site(), NewPasskeyForm(form_drafts.restore())
    if form.validate_on_submit():
        with form.collecting():
            answer = challenges.answered(Purpose.ADD, form)
            codes = passkeys.add(db.session, site, actor(), form.name.data, answer, origin(), now())
            if codes:
                leave_uncompressed()
                return render_template("auth/recovery_codes.html", codes=codes)
            return done(url_for("security.show"), _("The passkey is added."))
    page = render_template("auth/passkey_new.html", form=form, suggested=origin().browser)
    return page, 422 if form.errors else 200


@bp.post("/options")
@signed_in
@confirmed
def options() -> Response:
    """What the browser is asked to make."""
    site, person = challenges.site(), actor()
    known = credential_ids(db.session, person.id)
    challenge = challenges.give(Purpose.ADD)
    who = person.id.bytes, person.email, person.name
    return challenges.send(authenticators.creation_options(site, challenge, *who, known))


@bp.route("/<uuid:passkey_id>", methods=["GET", "POST"])
@signed_in
def rename(passkey_id: UUID) -> ResponseReturnValue:
    found = get_passkey(db.session, actor(), passkey_id)
    form = NameForm(name=found.name)
    if form.validate_on_submit():
        with form.collecting():
            with unit_of_work(db.session):
                passkeys.rename(db.session, actor(), passkey_id, form.name.data)
            return done(url_for("security.show"), _("The passkey has its new name."))
    page = render_template("auth/passkey.html", form=form, passkey=found)
    return page, 422 if form.errors else 200


@bp.post("/<uuid:passkey_id>/remove")
@signed_in
@confirmed
def remove(passkey_id: UUID) -> Response:
    with unit_of_work(db.session):
        passkeys.remove(db.session, actor(), passkey_id, origin(), now())
    return done(url_for("security.show"), _("The passkey is removed. You can delete it on your device too."))
