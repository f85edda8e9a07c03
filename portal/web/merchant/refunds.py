"""Refunding a plan: an amount, a preview computed by the code that will do it, and the refund."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField

from portal.core.errors import Conflict
from portal.core.money import decimal_text
from portal.core.payments import REASON_LONGEST
from portal.core.roles import Permission
from portal.extensions import adapters, db, now
from portal.presentation.i18n import amount_text, error_text
from portal.presentation.methods import hand_back
from portal.presentation.outcomes import refund_declined, refund_processing
from portal.queries import listing
from portal.queries.read_models import PlanView
from portal.services import refunds
from portal.services.refund_settlement import Answer
from portal.web import form_drafts
from portal.web.fields import AmountField, KeyField, TextField
from portal.web.forms import KeyedForm
from portal.web.guards import actor, requires
from portal.web.rendering import done, preview_status, respond

bp = Blueprint("merchant_refunds", __name__, url_prefix="/merchant/plans/<uuid:plan_id>/refund")


class RefundForm(KeyedForm):
    """The amount as typed, and the fingerprint of the preview that was shown."""

    amount = AmountField(_l("Amount to refund"))
    reason = TextField(_l("Reason"), longest=REASON_LONGEST)
    handed_back = BooleanField()
    preview = KeyField()

    def __init__(self, currency: str, **given: object) -> None:
        super().__init__(**given)
        self.currency = currency


@bp.get("")
@requires(Permission.REFUND)
def show(plan_id: UUID) -> Response:
    """The form, and once it names an amount what refunding it would do; writes nothing."""
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    given = form_drafts.restore() or request.args
    form = RefundForm(plan.currency, formdata=given, meta={"csrf": False})
    if "amount" not in given:
        return _page(plan, form)
    return _page(plan, form, asked=form.validate())


@bp.post("")
@requires(Permission.REFUND)
@form_drafts.preserve("amount", "reason")
def refund(plan_id: UUID) -> Response:
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    form = RefundForm(plan.currency)
    if not form.validate():
        return _page(plan, form, 422)
    asked = refunds.Request(
        plan_id, form.amount.minor, form.preview.data, form.handed_back.data or None, form.reason.data or None
    )
    gateway = adapters().gateway
    try:
        with form.collecting():
            answer = refunds.refund(db.session, gateway, actor(), asked, form.idempotency_key, now())
            return done(url_for("merchant_plans.show", plan_id=plan_id), *_words(answer))
    except Conflict as conflict:
        plan = listing.get_plan(db.session, actor(), plan_id, now())
        return _page(plan, form, 409, error_text(conflict), asked=True)
    return _page(plan, form, 422, asked="amount" not in form.errors)


def _page(
    plan: PlanView, form: RefundForm, status: int = 200, problem: str | None = None, *, asked: bool = False
) -> Response:
    preview = None
    most = 0
    try:
        with form.collecting():
            most = refunds.most_refundable(db.session, actor(), plan.id)
            if asked:
                preview = refunds.preview(db.session, actor(), plan.id, form.amount.minor)
    except Conflict as conflict:
        problem = error_text(conflict)
    if form.errors and status == 200:
        status = preview_status(422)
    return respond(
        "merchant/refund.html",
        "merchant/_refund_preview.html",
        status=status,
        plan=plan,
        form=form,
        most=most,
        preview=preview,
        problem=problem,
        rows=_rows(plan, preview),
        hand_back=_hand_back(preview, plan.currency),
        rest=plan.owed - preview.split.cancelled_amount if preview else 0,
        typed=_typed(form, plan.currency),
    )


def _rows(plan: PlanView, preview: refunds.Preview | None) -> list[tuple[object, int, int, int]]:
    """The installments that the refund would change: what it cancels and returns of each, and what is owed then."""
    if preview is None:
        return []
    cancelled = dict(preview.split.cancelled)
    returned = Counter[UUID]()
    for part in preview.split.returned:
        returned[part.installment_id] += part.amount
    changed = [i for i in plan.installments if i.id in cancelled or i.id in returned]
    cancels = [cancelled.get(i.id, 0) for i in changed]
    return [(i, c, returned[i.id], i.owed - c) for i, c in zip(changed, cancels, strict=True)]


def _hand_back(preview: refunds.Preview | None, currency: str) -> list[str]:
    """What the shop has to return itself, by the method with which it came."""
    parts = preview.split.handed_back_by.items() if preview else ()
    return [hand_back(method, amount_text(amount, currency)) for method, amount in parts]


def _typed(form: RefundForm, currency: str) -> str:
    return "" if form.amount.minor is None else decimal_text(form.amount.minor, currency)


def _words(answer: Answer) -> tuple[str, str]:
    """The result as a sentence, and the kind of notice."""
    amounts = (answer.cancelled, answer.to_return, answer.currency)
    if answer.status == "processing":
        return refund_processing(*amounts), "info"
    if answer.status == "declined":
        return refund_declined(*amounts), "error"
    return _(
        "Refunded: %(cancelled)s cancelled, %(to_return)s returned. The customer has been sent an email.",
        cancelled=amount_text(answer.cancelled, answer.currency),
        to_return=amount_text(answer.to_return, answer.currency),
    ), "success"
