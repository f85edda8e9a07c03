"""The plan builder: a regular schedule or lines of their own, the preview of what it would write, and the offer."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from dateutil.relativedelta import relativedelta
from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from portal.core.calendar import MOST_OFFER_DAYS, business_date
from portal.core.errors import Conflict, InvalidInput, TooMany
from portal.core.money import decimal_text
from portal.core.roles import Permission
from portal.core.schedule import MAX_INSTALLMENTS, Frequency, Line
from portal.extensions import db, now
from portal.presentation.i18n import error_text
from portal.queries import listing
from portal.queries.accounts import get_shop
from portal.queries.plan_templates import get_template, list_templates
from portal.queries.read_models import PlanView
from portal.services import idempotency, offers, plan_templates
from portal.services.transaction import unit_of_work
from portal.web import form_drafts
from portal.web.guards import actor, requires
from portal.web.merchant.offer_forms import (
    FREQUENCIES,
    KEPT_FIELDS,
    OfferForm,
    OwnForm,
    RegularForm,
    fields_of,
    offer_form,
    without_lines,
)
from portal.web.rendering import announce, done, preview_status, respond

bp = Blueprint("builder", __name__, url_prefix="/merchant/plans")


@bp.route("/new", methods=["GET", "POST"])
@requires(Permission.OFFER)
@form_drafts.preserve(*KEPT_FIELDS)
def new() -> Response:
    first = {"start_date": _in_a_month()}
    form = offer_form(form_drafts.restore(), first | _copied(request.args.get("copy", type=UUID)))
    if not form.is_submitted():
        return _page(form)
    if form.validate():
        try:
            with form.collecting():
                with unit_of_work(db.session):
                    plan_id = _offer_once(form)
                text = _("The offer is sent to %(email)s.", email=form.customer_email.data.strip())
                return done(url_for("merchant_plans.show", plan_id=plan_id), text)
        except (Conflict, TooMany) as refused:
            return _not_sent(form, refused)
    return _page(form, 422)


def _in_a_month() -> date:
    return business_date(now(), actor().timezone) + relativedelta(months=1)


def _copied(plan_id: UUID | None) -> dict[str, Any]:
    """What a new offer takes from one of the shop's plans. The dates are chosen anew; own ones keep their distances."""
    if plan_id is None:
        return {}
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    deposit = {"deposit": decimal_text(plan.deposit, plan.currency)} if plan.deposit else {}
    rhythm = (
        {"frequency": plan.frequency, "num_installments": plan.num_installments, "first_due": plan.first_due}
        if plan.frequency in FREQUENCIES
        else _copied_lines(plan)
    )
    return (
        rhythm
        | deposit
        | {
            "customer_email": plan.customer_email,
            "description": plan.description,
            "total_amount": decimal_text(plan.total, plan.currency),
        }
    )


def _copied_lines(plan: PlanView) -> dict[str, Any]:
    lines = [line for line in plan.installments if not line.is_deposit]
    later = _in_a_month() - lines[0].due_on
    fields: dict[str, Any] = {"frequency": Frequency.OWN}
    for n, line in enumerate(lines):
        fields[f"lines-{n}-amount"] = decimal_text(line.amount, plan.currency)
        fields[f"lines-{n}-due_date"] = line.due_on + later
    return fields


def _not_sent(form: OfferForm, refused: Conflict | TooMany) -> Response:
    """The form as it was typed, with its errors."""
    form.form_errors = [error_text(refused)]
    if isinstance(refused, Conflict):
        return _page(form, 409)
    response = _page(form, 429)
    response.headers["Retry-After"] = str(refused.retry_after)
    return response


def _offer_once(form: OfferForm) -> UUID:
    """Send the offer, or find the one that this very form has sent before."""
    proposal = form.proposal()

    def send() -> dict[str, str]:
        try:
            return {"plan_id": str(offers.offer(db.session, actor(), proposal, now()))}
        except InvalidInput as invalid:
            raise form.named(invalid) from None

    key = form.idempotency_key
    return UUID(
        idempotency.once(db.session, actor().merchant_id, actor().id, key, proposal, now(), send)["plan_id"]
    )


@bp.post("/preview")
@requires(Permission.OFFER)
@form_drafts.preserve(*KEPT_FIELDS, page="builder.new")
def preview() -> Response:
    """The schedule that the form would write, as far as it is filled in; writes nothing."""
    form = offer_form()
    lines = _schedule(form) if form.validate() else ()
    return _page(form, 200 if lines else preview_status(422), lines)


def _schedule(form: OfferForm) -> tuple[Line, ...]:
    """The schedule of a valid form; none, with the faults at its fields, for one that cannot be kept."""
    with form.collecting():
        try:
            return offers.preview(actor(), form.proposal(), now())
        except InvalidInput as invalid:
            raise form.named(invalid) from None
    return ()


@bp.post("/lines")
@requires(Permission.OFFER)
@form_drafts.preserve(*KEPT_FIELDS, page="builder.new")
def lines() -> Response:
    """Single lines in place of a regular schedule, one more or less of them, or back; writes nothing."""
    form, what = offer_form(), request.form.get("change", "")
    if isinstance(form, RegularForm):
        found = _schedule(form) if form.validate() else ()
        if not found:
            return _page(form, 422)
        return _changed(
            [
                (decimal_text(line.amount, actor().currency), line.due_on.isoformat())
                for line in found
                if not line.due or line.kind != "deposit"
            ]
        )
    if what == "regular":
        return _page(offer_form(MultiDict(without_lines(request.form) | {"frequency": Frequency.MONTHLY})))
    typed = form.typed_lines
    if what == "add":
        typed.append(("", _next_date(typed)))
    elif what.isdecimal() and int(what) < len(typed) > 1:
        del typed[int(what)]
    return _changed(typed)


@bp.post("/template")
@requires(Permission.OFFER)
@form_drafts.preserve(*KEPT_FIELDS, page="builder.new")
def use_template() -> Response:
    """The form as it is typed, with the schedule of a template; writes nothing."""
    chosen = request.form.get("template", type=UUID)
    template = get_template(db.session, actor(), chosen) if chosen else None
    given = {"start_date": _in_a_month().isoformat()} | without_lines(request.form)
    form = offer_form(MultiDict(given | (fields_of(template) if template else {})))
    found = _schedule(form) if form.validate() else ()
    page = _page(form, 200 if found or form.validate_so_far("total_amount") else 422, found, whole=True)
    return announce(page, _("Filled in from %(name)s.", name=template.name)) if template else page


@bp.post("/template/save")
@requires(Permission.OFFER)
@form_drafts.preserve(*KEPT_FIELDS, page="builder.new")
def save_template() -> Response:
    """The form again as it was typed: a template is saved beside it."""
    form = RegularForm()
    if not form.validate_so_far("total_amount", "start_date"):
        return _page(form, 422)
    try:
        with form.collecting():
            with unit_of_work(db.session):
                plan_templates.save(db.session, actor(), form.template(), now())
            flash(_("Saved as template %(name)s.", name=form.template_name.data.strip()), "success")
            form.template_name.data = ""
            return _page(form)
    except Conflict as refused:
        return _not_sent(form, refused)
    return _page(form, 422)


def _next_date(typed: list[tuple[str, str]]) -> str:
    """A month after the last line."""
    try:
        return (date.fromisoformat(typed[-1][1]) + relativedelta(months=1)).isoformat()
    except (IndexError, ValueError, OverflowError):
        return ""


def _changed(typed: list[tuple[str, str]]) -> Response:
    """The page with these lines, each an amount and a date as they are typed."""
    fields = without_lines(request.form) | {"frequency": Frequency.OWN}
    for n, (amount, day) in enumerate(typed[:MAX_INSTALLMENTS]):
        fields |= {f"lines-{n}-amount": amount, f"lines-{n}-due_date": day}
    form = offer_form(MultiDict(fields))
    found = _schedule(form) if form.validate() else ()
    # A line that was added is still empty: nothing is at fault yet.
    form.form_errors = []
    for field in form:
        field.errors = ()
    return _page(form, lines=found, schedule=True)


def _page(
    form: OfferForm,
    status: int = 200,
    lines: tuple[Line, ...] = (),
    *,
    schedule: bool = False,
    whole: bool = False,
) -> Response:
    """The builder; for HTMX the preview, after a change of lines these with the preview beside them, or the whole."""
    preview, fields, left = ("merchant/_preview.html", "merchant/_schedule.html", "merchant/_left.html")
    parts = (fields, (preview,)) if schedule else (preview, (left,) if isinstance(form, OwnForm) else ())
    if whole:
        parts = "merchant/_builder.html", ()
    return respond(
        "merchant/builder.html",
        parts[0],
        also=parts[1],
        status=status,
        form=form,
        lines=lines,
        left=form.left,
        total=form.total_amount.minor or 0,
        currency=actor().currency,
        most=MAX_INSTALLMENTS,
        most_days=MOST_OFFER_DAYS,
        today=business_date(now(), actor().timezone),
        templates=partial(list_templates, db.session, actor()),
        shop=partial(get_shop, db.session, actor()),
    )
