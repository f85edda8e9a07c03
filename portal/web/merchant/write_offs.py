"""Writing off a plan: what would be written off, computed by the code that does it, a reason, and the button."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core.errors import Conflict
from portal.core.payments import REASON_LONGEST
from portal.core.roles import Permission
from portal.extensions import db, now
from portal.presentation.i18n import error_text
from portal.queries import listing
from portal.services import write_offs
from portal.services.transaction import unit_of_work
from portal.services.write_offs import WriteOff
from portal.web import form_drafts
from portal.web.fields import TextField
from portal.web.forms import MoneyForm
from portal.web.guards import actor, requires
from portal.web.rendering import done

bp = Blueprint("merchant_write_offs", __name__, url_prefix="/merchant/plans/<uuid:plan_id>/write-off")


class WriteOffForm(MoneyForm):
    reason = TextField(_l("Reason"), longest=REASON_LONGEST)


@bp.get("")
@requires(Permission.WRITE_OFF)
def show(plan_id: UUID) -> Response:
    return _page(plan_id, WriteOffForm(form_drafts.restore()))


@bp.post("")
@requires(Permission.WRITE_OFF)
@form_drafts.preserve("reason")
def write_off(plan_id: UUID) -> Response:
    form = WriteOffForm()
    if not form.validate():
        return _page(plan_id, form, 422)
    request = WriteOff(plan_id, form.reason.data, form.amount.data)
    try:
        with form.collecting():
            with unit_of_work(db.session):
                write_offs.write_off(db.session, actor(), request, now(), form.idempotency_key)
            text = _("The plan is written off. The customer has been sent an email.")
            return done(url_for("merchant_plans.show", plan_id=plan_id), text)
    except Conflict as conflict:
        return _page(plan_id, form, 409, error_text(conflict))
    return _page(plan_id, form, 422)


def _page(plan_id: UUID, form: WriteOffForm, status: int = 200, problem: str | None = None) -> Response:
    """The preview and the form, or why nothing can be written off."""
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    amounts: dict[UUID, int] = {}
    try:
        amounts = write_offs.preview(db.session, actor(), plan_id)
    except Conflict as conflict:
        problem = error_text(conflict)
    page = render_template(
        "merchant/write_off.html",
        plan=plan,
        form=form,
        amounts=amounts,
        rows=[i for i in plan.installments if i.id in amounts],
        total=sum(amounts.values()),
        problem=problem,
    )
    return make_response(page, status)
