"""Where a person is signed in: their sessions, which they can end, and their last sign-ins."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from portal.extensions import db, now
from portal.queries.passkeys import list_passkeys
from portal.queries.sessions import last_sign_ins, list_sessions, wrong_passwords
from portal.services import second_factor, sessions
from portal.services.transaction import unit_of_work
from portal.web.guards import actor, origin, session_id, signed_in
from portal.web.rendering import done

from . import challenges

bp = Blueprint("security", __name__, url_prefix="/account")


@bp.get("/security")
@signed_in
def show() -> str:
    return render_template(
        "auth/security.html",
        sessions=list_sessions(db.session, actor(), now()),
        this_session=session_id(),
        sign_ins=last_sign_ins(db.session, actor()),
        wrong=wrong_passwords(db.session, actor()),
        codes_left=second_factor.codes_left(db.session, actor()),
        ways=second_factor.ways(db.session, actor().id),
        passkeys=list_passkeys(db.session, actor()),
        passkeys_work=challenges.available(),
    )


@bp.post("/sessions/<uuid:session_id>/end")
@signed_in
def end(session_id: UUID) -> Response:
    with unit_of_work(db.session):
        sessions.end(db.session, actor(), session_id, origin(), now())
    return done(url_for(".show"), _("The session has ended."))


@bp.post("/sessions/end-others")
@signed_in
def end_others() -> Response:
    with unit_of_work(db.session):
        ended = sessions.end_others(db.session, actor(), session_id(), origin(), now())
    text = ngettext("One other session has ended.", "%(num)s other sessions have ended.", ended)
    return done(url_for(".show"), text if ended else _("There was no other session."))
