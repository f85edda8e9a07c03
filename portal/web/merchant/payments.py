"""Recording a payment that the shop received elsewhere: the form, the live preview, and the recording."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, SelectField, ValidationError
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired

from portal.core.errors import Conflict
from portal.core.payments import NOTE_LONGEST, RECORDED, Method
from portal.core.roles import Permission
from portal.extensions import db, now
from portal.presentation.i18n import amount_text, error_text
from portal.presentation.methods import METHODS
from portal.queries import listing, payments
from portal.queries.read_models import InstallmentView, PlanView
from portal.services import recording
from portal.services.recording import Preview, Recording
from portal.services.transaction import unit_of_work
from portal.web import form_drafts
from portal.web.fields import AmountField, DayField, TextField, WholeNumberField
from portal.web.forms import KeyedForm
from portal.web.guards import actor, requires
from portal.web.rendering import done, preview_status, respond

bp = Blueprint("merchant_payments", __name__, url_prefix="/merchant/plans/<uuid:plan_id>/payments")

TYPED = ("amount", "method", "received_on", "note")


class RecordForm(KeyedForm):
    """What was received; ``owed`` is what the page showed as owed, in minor units, or with ``recovery`` as lost."""

    amount = AmountField(_l("Amount received"))
    method = SelectField(
        _l("How it was paid"),
        choices=[SelectChoice(method, _l(METHODS[method])) for method in RECORDED],
        validate_choice=False,
    )
    received_on = DayField(
        _l("Received on"), validators=[InputRequired(_l("Enter a date, such as 2026-12-31."))]
    )
    note = TextField(_l("Note"), longest=NOTE_LONGEST)
    again = BooleanField(_l("This is another payment"))
    owed = WholeNumberField(validators=[InputRequired()])
    recovery = BooleanField()

    def __init__(self, plan: PlanView, formdata: object = None, **given: object) -> None:
        super().__init__(
            formdata, owed=plan.recordable, recovery=plan.recovers, received_on=plan.today, **given
        )
        self.plan = plan
        self.currency = plan.currency

    def validate_method(self, field: SelectField) -> None:
        if field.data not in RECORDED:
            raise ValidationError(_("Choose how it was paid from the list."))

    def recording(self) -> Recording:
        """What a valid form says."""
        return Recording(
            self.plan.id,
            self.amount.minor,
            Method(self.method.data),
            self.received_on.data,
            self.note.data,
            shown=self.owed.data,
            again=self.again.data,
            recovery=self.recovery.data or None,
        )


@bp.route("/new", methods=["GET", "POST"])
@requires(Permission.RECORD)
@form_drafts.preserve(*TYPED)
def new(plan_id: UUID) -> Response:
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    form = RecordForm(plan, form_drafts.restore())
    if not form.is_submitted():
        return _page(plan, form)
    if not form.validate():
        return _page(plan, form, 422)
    try:
        with form.collecting():
            receipt = _record(form)
            text = _(
                "%(amount)s is recorded, receipt %(receipt)s. The customer has been sent an email.",
                amount=amount_text(form.amount.minor, plan.currency),
                receipt=receipt,
            )
            return done(url_for("merchant_plans.show", plan_id=plan_id), text)
    except Conflict as conflict:
        form.form_errors = [error_text(conflict)]
        return _page(listing.get_plan(db.session, actor(), plan_id, now()), form, 409, conflict)
    return _page(plan, form, 422)


def _record(form: RecordForm) -> str:
    """Record it, or find what this very form has recorded before; returns the number of its receipt."""

    def answer(payment_id: UUID) -> dict[str, object]:
        return {"receipt": payments.get_payment(db.session, actor(), payment_id).receipt}

    with unit_of_work(db.session):
        made = recording.record_once(
            db.session, actor(), form.recording(), form.idempotency_key, now(), answer
        )
    return str(made["receipt"])


@bp.post("/preview")
@requires(Permission.RECORD)
@form_drafts.preserve(*TYPED, page="merchant_payments.new")
def preview(plan_id: UUID) -> Response:
    """What recording the payment would do, as far as the form is filled in; writes nothing."""
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    form = RecordForm(plan)
    if not form.validate():
        return _page(plan, form, preview_status(422))
    try:
        with form.collecting():
            return _page(plan, form, preview=recording.preview(db.session, actor(), form.recording(), now()))
    except Conflict as conflict:
        form.form_errors = [error_text(conflict)]
        return _page(plan, form, preview_status(409), conflict)
    return _page(plan, form, preview_status(422))


def _page(
    plan: PlanView,
    form: RecordForm,
    status: int = 200,
    conflict: Conflict | None = None,
    *,
    preview: Preview | None = None,
) -> Response:
    """The form with its preview; ``again`` is asked for once a payment looks recorded already."""
    return respond(
        "merchant/record.html",
        "merchant/_record_preview.html",
        status=status,
        plan=plan,
        form=form,
        preview=preview,
        rows=_rows(plan, preview, recovery=form.recovery.data),
        ask_again=form.again.data or (conflict is not None and conflict.code == "looks_recorded"),
    )


def _rows(
    plan: PlanView, preview: Preview | None, *, recovery: bool
) -> list[tuple[InstallmentView, int, int]]:
    """The installments that the payment would pay, with how much of each and what is left of it, in minor units."""
    amounts = preview.amounts if preview else {}
    changed = [
        (i, amounts[i.id], i.lost if recovery else i.owed) for i in plan.installments if i.id in amounts
    ]
    return [(i, paid, before - paid) for i, paid, before in changed]
