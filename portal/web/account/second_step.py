"""The second step of signing in: a code or a passkey after the password, and what follows when both were right."""

from __future__ import annotations

from uuid import UUID

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    make_response,
    redirect,
    request,
    url_for,
)
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core.accounts import CODE_LONGEST
from portal.core.roles import Role
from portal.core.sessions import PAGES_LAST
from portal.extensions import db, limiter, now
from portal.services import second_factor
from portal.services.sign_in import Authenticated, open_for, sign_in_with_code
from portal.web import form_drafts
from portal.web.fields import TextField
from portal.web.forms import PageForm
from portal.web.guards import home_url, local_path, origin, public, start_session

from . import challenges, known_browser

bp = Blueprint("second_step", __name__)

# So long the password is taken as just typed.
SECONDS = 300
_KEY = "second_step"


class CodeForm(PageForm):
    otp = TextField(_l("Code of your app, or a recovery code"), longest=CODE_LONGEST)


def after_password(found: Authenticated, target: str | None, notice: str | None = None) -> Response | None:
    """Ask for the second factor, or sign in with the ``notice``.

    None if the password was changed meanwhile.
    """
    if second_factor.is_active(db.session, found.user_id):
        return begin(found, target)
    opened = open_for(db.session, found, origin(), now(), lasts=PAGES_LAST, browser=known_browser.find())
    if opened and notice:
        flash(notice, "success")
    return enter(opened, target) if opened else None


def begin(found: Authenticated, target: str | None) -> Response:
    """Note in the signed cookie whose password was right, and ask for the code."""
    cookie[_KEY] = {"user": str(found.user_id), "version": found.version, "at": now().timestamp()}
    return make_response(redirect(url_for("second_step.ask", next=target), 303))


def enter(opened: UUID, target: str | None) -> Response:
    """Give this browser the session and lead on: who acts for several shops chooses one. An admin without a second
    factor is offered one.
    """
    person = start_session(opened)
    if person.role is Role.ADMIN and not second_factor.is_active(db.session, person.id):
        flash(_("Protect this account: set up two-factor sign-in under Account, Security."), "info")
    choice = url_for("shops.show") if person.shop_count > 1 else home_url(person)
    answer = make_response(redirect(target or choice, 303))
    return known_browser.remember(answer, person.id)


@bp.route("/login/code", methods=["GET", "POST"])
@public
@limiter.limit("300 per minute", methods=["POST"])
def ask() -> ResponseReturnValue:
    found, target = find(), local_path(request.args.get("next"))
    if found is None:
        return redirect(url_for("auth.login", next=target), 303)
    form = CodeForm()
    if form.validate_on_submit():
        with form.collecting():
            opened = sign_in_with_code(
                db.session,
                current_app.config["SECRET_KEY"],
                found,
                form.otp.data,
                origin(),
                now(),
                lasts=PAGES_LAST,
                browser=known_browser.find(),
            )
            if opened:
                return enter(opened, target)
            return start_over(target)
    return page(found, form, target)


def page(
    found: Authenticated, form: CodeForm, target: str | None, passkey: challenges.PasskeyForm | None = None
) -> ResponseReturnValue:
    """The page that asks for a code or, as a form of its own, a ``passkey``."""
    ways = second_factor.ways(db.session, found.user_id)
    return challenges.page(
        "auth/code.html", form, passkey, ways=ways, target=target, draft=form_drafts.exists()
    )


def start_over(target: str | None) -> Response:
    """The password was changed meanwhile, or typed too long ago."""
    cookie.pop(_KEY, None)
    return make_response(redirect(url_for("auth.login", next=target), 303))


def find() -> Authenticated | None:
    """Whose password was typed in this browser within five minutes."""
    kept = cookie.get(_KEY)
    if not kept or now().timestamp() - kept["at"] > SECONDS:
        return None
    return Authenticated(UUID(kept["user"]), kept["version"])
