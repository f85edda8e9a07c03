"""A shop's team: its members and what each may do, invitations, roles; every change asks for the password again."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectField

from portal.core.errors import Conflict, Forbidden, PortalError, TooMany
from portal.core.roles import MemberRole, Permission, Role
from portal.extensions import db, now
from portal.presentation.i18n import error_text
from portal.presentation.roles import permission_table, role_name
from portal.queries.team import list_invitations, list_members
from portal.services import team
from portal.services.transaction import unit_of_work
from portal.web import form_drafts
from portal.web.confirmation import confirmed
from portal.web.fields import EmailField
from portal.web.forms import PageForm
from portal.web.guards import actor, requires
from portal.web.rendering import done

bp = Blueprint("team", __name__, url_prefix="/merchant/team")


class InviteForm(PageForm):
    email = EmailField(_l("Email address"))
    # The service checks the choice and words its error.
    role = SelectField(_l("Role"), validate_choice=False, default=MemberRole.SELLER)


class RoleForm(PageForm):
    role = SelectField(_l("Role"), validate_choice=False, default="")


@bp.get("")
@requires(Role.MERCHANT)
def show() -> Response:
    return _page(InviteForm(form_drafts.restore() or {}))


@bp.post("/invite")
@requires(Permission.TEAM)
@form_drafts.preserve("email", "role", page="team.show")
@confirmed
def invite() -> Response:
    form = InviteForm()
    form.validate()
    with form.collecting():
        try:
            with unit_of_work(db.session):
                team.invite(db.session, actor(), form.email.data, form.role.data, now())
        except (Conflict, Forbidden, TooMany) as refusal:
            form.form_errors = [error_text(refusal)]
            return _page(form, _status(refusal))
        text = _("The invitation is sent to %(email)s.", email=form.email.data.strip())
        return done(url_for(".show"), text)
    return _page(form, 422)


@bp.post("/invitations/<uuid:member_id>/resend")
@requires(Permission.TEAM)
@confirmed
def resend(member_id: UUID) -> Response:
    try:
        with unit_of_work(db.session):
            team.send_again(db.session, actor(), member_id, now())
    except (Conflict, TooMany) as refusal:
        return _refused(refusal)
    return done(url_for(".show"), _("The invitation is sent again. Only its new link works."))


@bp.post("/invitations/<uuid:member_id>/withdraw")
@requires(Permission.TEAM)
@confirmed
def withdraw(member_id: UUID) -> Response:
    with unit_of_work(db.session):
        team.withdraw(db.session, actor(), member_id, now())
    return done(url_for(".show"), _("The invitation is withdrawn. Its link no longer works."))


@bp.post("/<uuid:member_id>/role")
@requires(Permission.TEAM)
@confirmed
def change(member_id: UUID) -> Response:
    form = RoleForm()
    with form.collecting():
        try:
            with unit_of_work(db.session):
                team.change_role(db.session, actor(), member_id, form.role.data, now())
        except Conflict as refusal:
            return _refused(refusal)
        return done(url_for(".show"), _("The role is changed."))
    form.form_errors = [*form.form_errors, *form.role.errors]
    return _page(_empty(form.form_errors), 422)


@bp.post("/<uuid:member_id>/remove")
@requires(Permission.TEAM)
@confirmed
def remove(member_id: UUID) -> Response:
    try:
        with unit_of_work(db.session):
            team.remove(db.session, actor(), member_id, now())
    except Conflict as refusal:
        return _refused(refusal)
    if member_id == actor().id:
        return done("/", _("You have left the team."))
    return done(url_for(".show"), _("The person is removed, and signed out of this shop everywhere."))


def _status(refusal: PortalError) -> int:
    if isinstance(refusal, TooMany):
        return 429
    return 403 if isinstance(refusal, Forbidden) else 409


def _refused(refusal: Conflict | TooMany) -> Response:
    return _page(_empty([error_text(refusal)]), _status(refusal))


def _empty(errors: list[str]) -> InviteForm:
    form = InviteForm({})
    form.form_errors = errors
    return form


def _page(form: InviteForm, status: int = 200) -> Response:
    roles = [(role.value, role_name(role)) for role in MemberRole]
    form.role.choices = roles
    page = render_template(
        "merchant/team.html",
        form=form,
        members=list_members(db.session, actor().merchant_id),
        invitations=list_invitations(db.session, actor()),
        roles=roles,
        permissions=permission_table(),
        may_change=actor().may(Permission.TEAM),
        person_id=actor().id,
        now=now(),
    )
    return make_response(page, status)
