"""The page that asks again who somebody is, and then leads back to where they were."""

from __future__ import annotations

from flask import Blueprint, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core.accounts import CODE_LONGEST
from portal.extensions import db, now
from portal.services import second_factor, sessions
from portal.services.attempts import KnownBrowser
from portal.services.transaction import unit_of_work
from portal.web import form_drafts
from portal.web.fields import PasswordField, TextField
from portal.web.forms import PageForm
from portal.web.guards import actor, local_path, origin, session_id, signed_in

from . import challenges
from .passwords import authenticate

bp = Blueprint("confirmation", __name__, url_prefix="/account")


class ConfirmForm(PageForm):
    password = PasswordField(_l("Password"))
    otp = TextField(_l("Or the code of your app"), longest=CODE_LONGEST)


@bp.route("/confirm", methods=["GET", "POST"])
@signed_in
def ask() -> ResponseReturnValue:
    form, target = ConfirmForm(), local_path(request.args.get("next"))
    if form.validate_on_submit():
        with form.collecting():
            if _confirm(form):
                return redirect(target or url_for("security.show"), 303)
            form.password.errors = [_("Wrong password.")]
    return page(form, target)


def page(
    form: ConfirmForm, target: str | None, passkey: challenges.PasskeyForm | None = None
) -> ResponseReturnValue:
    """The page that asks for the password, a code or, as a form of its own, a ``passkey``."""
    ways = second_factor.ways(db.session, actor().id)
    return challenges.page(
        "auth/confirm.html", form, passkey, ways=ways, target=target, draft=form_drafts.exists()
    )


def _confirm(form: ConfirmForm) -> bool:
    """Whether the password is right; a code instead of it raises ``InvalidInput`` if it is wrong."""
    if form.otp.data and not form.password.data:
        about = current_app.config["SECRET_KEY"], actor().id, form.otp.data, origin(), now()
        with second_factor.checked(db.session, *about, browser=_this_session()):
            sessions.confirm(db.session, session_id(), now())
        return True
    if not has_password(form.password.data):
        return False
    with unit_of_work(db.session):
        sessions.confirm(db.session, session_id(), now())
    return True


def has_password(password: str) -> bool:
    """Whether it is the signed-in person's own. Raises ``TooMany`` after ten wrong ones in five minutes."""
    return authenticate(actor().email, password, _this_session()) is not None


def _this_session() -> KnownBrowser:
    """Counted apart from sign-in: guesses elsewhere keep nobody from confirming."""
    return KnownBrowser(f"session {session_id()}", frozenset([actor().id]))
