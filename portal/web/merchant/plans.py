"""A shop's plans: the list, the builder with its preview, one plan."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from dateutil.relativedelta import relativedelta
from flask import Blueprint, Response, current_app, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from htmx_flask import request
from wtforms import SelectField
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired, ValidationError

from portal.core.accounts import shown_email
from portal.core.amendments import AmendmentState
from portal.core.calendar import MOST_OFFER_DAYS, OFFER_DAYS, business_date
from portal.core.errors import Conflict, TooMany
from portal.core.money import decimal_text
from portal.core.roles import Permission, Role
from portal.core.schedule import MAX_INSTALLMENTS, Frequency, Line
from portal.extensions import db, now
from portal.presentation.activity import email_name, timeline_of
from portal.presentation.i18n import error_text
from portal.queries import listing, merchant, timeline
from portal.queries.amendments import amendments_of
from portal.queries.merchant import Cursor, PlanListQuery
from portal.queries.read_models import PlanView
from portal.queries.timeline import EventView
from portal.services import idempotency, offer_addresses, offers, plans
from portal.services.offers import Proposal
from portal.services.transaction import unit_of_work
from portal.web import form_drafts
from portal.web.fields import AmountField, DayField, EmailField, TextField, WholeNumberField
from portal.web.forms import LONGEST_SEARCH, KeyedForm, MoneyForm, PageForm, searched
from portal.web.guards import actor, requires
from portal.web.rendering import done, respond

bp = Blueprint("merchant_plans", __name__, url_prefix="/merchant/plans")

STATES = {
    "": _l("All plans"),
    "offered": _l("Offered"),
    "active": _l("Active, on time"),
    "overdue": _l("Overdue"),
    "completed": _l("Completed"),
    "cancelled": _l("Cancelled"),
    "written_off": _l("Written off"),
    "declined": _l("Declined"),
    "revoked": _l("Revoked"),
    "expired": _l("Expired"),
}
# Only plans that are active have a day that is due next.
WITH_DUE_DAYS = ("", "active", "overdue")
ORDERS = {"": _l("Newest first"), "due": _l("Active plans, next due first")}
PLACE_NAMES = ("search", "status", "sort", "before", "after")
FREQUENCIES = {
    Frequency.WEEKLY: _l("Every week"),
    Frequency.BIWEEKLY: _l("Every two weeks"),
    Frequency.MONTHLY: _l("Every month"),
}


def _choices(labels: Mapping[str, str]) -> list[SelectChoice]:
    return [SelectChoice(value, label) for value, label in labels.items()]


class FilterForm(PageForm):
    class Meta:
        csrf = False

    search = TextField(_l("Search"), longest=LONGEST_SEARCH)
    status = SelectField(_l("Status"), choices=_choices(STATES), validate_choice=False, default="")
    sort = SelectField(_l("Order"), choices=_choices(ORDERS), validate_choice=False, default="")


@bp.get("/")
@requires(Role.MERCHANT)
def index() -> Response:
    """The list's filters and order from its address; unknown values are ignored."""
    form = FilterForm(request.args)
    listing = _listing(form)
    filters = {"search": listing.search, "status": listing.status, "sort": "due" if listing.by_due else ""}
    filters = {name: value for name, value in filters.items() if value}
    return respond(
        "merchant/plans.html",
        "merchant/_plans.html",
        form=form,
        found=merchant.list_plans(db.session, actor(), now(), listing),
        totals=merchant.totals(db.session, actor(), now(), listing),
        currency=actor().currency,
        filters=filters,
        list_state=_list_state(),
        page_of=_page_of,
    )


def _listing(form: FilterForm) -> PlanListQuery:
    status = form.status.data if form.status.data in STATES else ""
    by_due = form.sort.data == "due" and status in WITH_DUE_DAYS
    before, after = (_place(request.args.get(name, ""), by_due) for name in ("before", "after"))
    return PlanListQuery(status, searched(), by_due, before, None if before else after)


def _place(text: str, by_due: bool) -> Cursor | None:
    """The place that ``_page_of`` wrote into an address; None for anything else."""
    day, _separator, plan_id = text.rpartition("_")
    try:
        return Cursor(UUID(plan_id), date.fromisoformat(day) if by_due else None)
    except ValueError:
        return None


def _page_of(place: Cursor) -> str:
    return f"{place.day}_{place.id}" if place.day else str(place.id)


def _list_state() -> dict[str, str]:
    """The filters and cursor of the list, carried by links so that the back link returns to the same page."""
    return {name: request.args[name] for name in PLACE_NAMES if request.args.get(name)}


# The builder's fields that a draft keeps; the idempotency key is none.
TYPED = (
    "customer_email",
    "description",
    "total_amount",
    "num_installments",
    "frequency",
    "start_date",
    "valid_days",
)


class OfferForm(KeyedForm):
    customer_email = EmailField(_l("Customer's email address"))
    description = TextField(_l("What is sold"), longest=offers.DESCRIPTION_LONGEST)
    total_amount = AmountField(_l("Total amount"))
    num_installments = WholeNumberField(
        _l("Number of installments"),
        default=3,
        validators=[InputRequired(_l("Enter a whole number, such as 3."))],
    )
    frequency = SelectField(
        _l("How often"), choices=_choices(FREQUENCIES), default=Frequency.MONTHLY, validate_choice=False
    )
    start_date = DayField(
        _l("First due date"), validators=[InputRequired(_l("Enter a date, such as 2026-12-31."))]
    )

    valid_days = WholeNumberField(_l("Days to answer"), default=OFFER_DAYS)

    @property
    def currency(self) -> str:
        return actor().currency

    def validate_frequency(self, field: SelectField) -> None:
        if field.data not in FREQUENCIES:
            raise ValidationError(_("Choose how often from the list."))

    def proposal(self) -> Proposal:
        """What a valid form asks for."""
        return Proposal(
            self.customer_email.data,
            self.description.data,
            self.total_amount.minor,
            self.num_installments.data,
            self.start_date.data,
            Frequency(self.frequency.data),
            # Thirty is what it was before it could be chosen, so that a form sent then and again now is one offer.
            None if self.valid_days.data == OFFER_DAYS else self.valid_days.data,
        )


@bp.route("/new", methods=["GET", "POST"])
@requires(Permission.OFFER)
@form_drafts.preserve(*TYPED)
def new() -> Response:
    in_a_month = business_date(now(), actor().timezone) + relativedelta(months=1)
    form = OfferForm(
        form_drafts.restore(), **{"start_date": in_a_month} | _copied(request.args.get("copy", type=UUID))
    )
    if not form.is_submitted():
        return _builder(form)
    if form.validate():
        try:
            with form.collecting():
                with unit_of_work(db.session):
                    plan_id = _offer_once(form)
                text = _("The offer is sent to %(email)s.", email=form.customer_email.data.strip())
                return done(url_for(".show", plan_id=plan_id), text)
        except (Conflict, TooMany) as refused:
            return _not_sent(form, refused)
    return _builder(form, 422)


def _copied(plan_id: UUID | None) -> dict[str, Any]:
    """What a new offer takes from one of the shop's plans; the dates are chosen anew."""
    if plan_id is None:
        return {}
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    rhythm = {"frequency": plan.frequency} if plan.frequency in FREQUENCIES else {}
    return rhythm | {
        "customer_email": plan.customer_email,
        "description": plan.description,
        "total_amount": decimal_text(plan.total, plan.currency),
        "num_installments": plan.num_installments,
    }


def _not_sent(form: OfferForm, refused: Conflict | TooMany) -> Response:
    """The form as it was typed, with its errors."""
    form.form_errors = [error_text(refused)]
    if isinstance(refused, Conflict):
        return _builder(form, 409)
    response = _builder(form, 429)
    response.headers["Retry-After"] = str(refused.retry_after)
    return response


def _offer_once(form: OfferForm) -> UUID:
    """Send the offer, or find the one that this very form has sent before."""
    proposal = form.proposal()

    def send() -> dict[str, str]:
        return {"plan_id": str(offers.offer(db.session, actor(), proposal, now()))}

    key = form.idempotency_key
    return UUID(
        idempotency.once(db.session, actor().merchant_id, actor().id, key, proposal, now(), send)["plan_id"]
    )


@bp.post("/preview")
@requires(Permission.OFFER)
@form_drafts.preserve(*TYPED, page="merchant_plans.new")
def preview() -> Response:
    """The schedule that the form would write, as far as it is filled in; writes nothing."""
    form = OfferForm()
    asked = (form.total_amount, form.num_installments, form.start_date, form.frequency)
    # An address or description still being typed is no error yet, unless it is much too long.
    if not form.validate():
        unfinished = request.htmx and not all(field.raw_data and field.raw_data[0] for field in asked)
        return _builder(form, 200 if unfinished else 422)
    with form.collecting():
        return _builder(form, lines=offers.preview(actor(), form.proposal(), now()))
    return _builder(form, 422)


def _builder(form: OfferForm, status: int = 200, lines: tuple[Line, ...] = ()) -> Response:
    return respond(
        "merchant/builder.html",
        "merchant/_preview.html",
        status=status,
        form=form,
        lines=lines,
        total=form.total_amount.minor or 0,
        currency=actor().currency,
        most=MAX_INSTALLMENTS,
        most_days=MOST_OFFER_DAYS,
        today=business_date(now(), actor().timezone),
    )


@bp.get("/<uuid:plan_id>")
@requires(Role.MERCHANT)
def show(plan_id: UUID) -> Response:
    return _plan_page(plan_id)


@bp.post("/<uuid:plan_id>/revoke")
@requires(Permission.OFFER)
def revoke(plan_id: UUID) -> Response:
    try:
        with unit_of_work(db.session):
            offers.revoke(db.session, actor(), plan_id, now())
    except Conflict as conflict:
        return _plan_page(plan_id, 409, error_text(conflict))
    return done(url_for(".show", plan_id=plan_id), _("The offer is revoked. Nobody can accept it any more."))


class AddressForm(PageForm):
    customer_email = EmailField(_l("Customer's email address"))


@bp.post("/<uuid:plan_id>/address")
@requires(Permission.OFFER)
def correct_address(plan_id: UUID) -> Response:
    """Send an offer that nobody answered to another address instead."""
    form = AddressForm()
    form.validate()
    with form.collecting():
        try:
            with unit_of_work(db.session):
                new_id = offer_addresses.correct(
                    db.session, actor(), plan_id, form.customer_email.data, now()
                )
        except (Conflict, TooMany) as refusal:
            return _plan_page(plan_id, 409 if isinstance(refusal, Conflict) else 429, error_text(refusal))
        text = _("The offer was sent to the new address. The link of the old one no longer works.")
        return done(url_for(".show", plan_id=new_id), text)
    return _plan_page(plan_id, 422, address=form)


@bp.post("/<uuid:plan_id>/cancel")
@requires(Permission.CANCEL)
def cancel(plan_id: UUID) -> Response:
    form = MoneyForm()
    if not form.validate():
        return _plan_page(plan_id, 422, _("The form was incomplete. Check the amount and confirm again."))
    try:
        with unit_of_work(db.session):
            plans.cancel(db.session, actor(), plan_id, form.amount.data, now(), form.idempotency_key)
    except Conflict as conflict:
        return _plan_page(plan_id, 409, error_text(conflict))
    return done(
        url_for(".show", plan_id=plan_id), _("The plan is cancelled. The customer owes nothing more.")
    )


def _plan_page(
    plan_id: UUID, status: int = 200, problem: str | None = None, address: AddressForm | None = None
) -> Response:
    """The plan page, with the error that prevented a change if there was one."""
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    events = timeline.events_of_plan(db.session, plan.merchant_id, plan.id)
    emails = timeline.emails_of_plan(db.session, plan.merchant_id, plan.id, plan.customer_id)
    found = amendments_of(db.session, plan, now())
    page = render_template(
        "merchant/plan.html",
        plan=plan,
        problem=problem,
        amendments=found,
        waiting=next((one for one in found if one.state is AmendmentState.PROPOSED), None),
        address=address or AddressForm(formdata={}),
        list_state=_list_state(),
        payments=timeline.payments_of_plan(db.session, plan.merchant_id, plan.id),
        refunds=timeline.refunds_of_plan(db.session, plan.merchant_id, plan.id),
        emails=[(email_name(email.kind), email) for email in emails],
        undelivered=any(email.state == "failed" for email in emails),
        happened=[(event, words, _who(event, plan)) for event, words in timeline_of(events, plan.currency)],
        link=current_app.config["PORTAL_URL"] + url_for("invitations.plain", plan_id=plan.id),
    )
    return make_response(page, status)


def _who(event: EventView, plan: PlanView) -> str:
    """The actor's name. A customer's registered name is shown only after acceptance."""
    if event.actor is None:
        return _("the portal")
    unknown = event.actor_id == plan.customer_id and not plan.accepted_on
    return shown_email(plan.customer_email if unknown else event.actor)
