"""Reversing a payment that the shop recorded: what it makes owed again, and why."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core.errors import Conflict
from portal.core.payments import REASON_LONGEST
from portal.core.roles import Permission
from portal.extensions import db, now
from portal.presentation.i18n import amount_text, error_text
from portal.queries import listing, merchant
from portal.queries.read_models import InstallmentView
from portal.services import reversals
from portal.services.reversals import Preview, ReversalRequest
from portal.services.transaction import unit_of_work
from portal.web import form_drafts
from portal.web.fields import TextField
from portal.web.forms import MoneyForm
from portal.web.guards import actor, requires
from portal.web.rendering import done

bp = Blueprint(
    "merchant_reversals", __name__, url_prefix="/merchant/plans/<uuid:plan_id>/payments/<uuid:payment_id>"
)


class ReversalForm(MoneyForm):
    """Why, and the amount that the page showed."""

    reason = TextField(_l("Reason"), longest=REASON_LONGEST)


@bp.route("/reverse", methods=["GET", "POST"])
@requires(Permission.RECORD)
@form_drafts.preserve("reason")
def reverse(plan_id: UUID, payment_id: UUID) -> Response:
    form = ReversalForm(form_drafts.restore())
    if not form.is_submitted():
        return _page(plan_id, payment_id, form)
    if not form.validate():
        return _page(plan_id, payment_id, form, 422)
    wanted = ReversalRequest(plan_id, payment_id, form.reason.data, form.amount.data)
    try:
        with form.collecting():
            with unit_of_work(db.session):
                reversals.reverse_once(db.session, actor(), wanted, form.idempotency_key, now(), dict)
            recovery = merchant.get_payment(db.session, actor(), payment_id).recovery
            return done(url_for("merchant_plans.show", plan_id=plan_id), _words(form.amount.data, recovery))
    except Conflict as conflict:
        return _page(plan_id, payment_id, form, 409, error_text(conflict))
    return _page(plan_id, payment_id, form, 422)


def _words(minor: int, recovery: bool) -> str:
    amount = amount_text(minor, actor().currency)
    if recovery:
        return _(
            "The recovery of %(amount)s is reversed: nothing is owed. The customer has been sent an email.",
            amount=amount,
        )
    return _("%(amount)s is reversed and owed again. The customer has been sent an email.", amount=amount)


def _page(
    plan_id: UUID, payment_id: UUID, form: ReversalForm, status: int = 200, problem: str | None = None
) -> Response:
    """What reversing the payment would do now, with the error that prevented it if there was one."""
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    payment = merchant.get_payment(db.session, actor(), payment_id)
    preview: Preview | None = None
    try:
        preview = reversals.preview(db.session, actor(), plan_id, payment_id)
    except Conflict as conflict:
        problem = problem or error_text(conflict)
    amounts = preview.amounts if preview else {}
    recovery = payment.recovery
    rows: list[tuple[InstallmentView, int, int]] = [
        (i, amounts[i.id], i.owed if recovery else i.owed + amounts[i.id])
        for i in plan.installments
        if i.id in amounts
    ]
    page = render_template(
        "merchant/reverse.html",
        plan=plan,
        payment=payment,
        form=form,
        preview=preview,
        problem=problem,
        rows=rows,
    )
    return make_response(page, status)
