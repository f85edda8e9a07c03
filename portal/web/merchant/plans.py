"""A shop's plans: the list, and one plan with what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from flask import Blueprint, Response, current_app, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from htmx_flask import request
from wtforms import SelectField
from wtforms.fields import SelectChoice

from portal.core.accounts import shown_email
from portal.core.amendments import AmendmentState
from portal.core.errors import Conflict, TooMany
from portal.core.reminders import OVERDUE
from portal.core.roles import Permission, Role
from portal.extensions import db, now
from portal.presentation.activity import email_name, timeline_of
from portal.presentation.i18n import error_text
from portal.queries import listing, merchant, timeline
from portal.queries.amendments import amendments_of
from portal.queries.autopay import find_autopay
from portal.queries.merchant import Cursor, PlanListQuery
from portal.queries.needs import MOST_COUNTED, tab_counts
from portal.queries.open_payments import open_payments
from portal.queries.read_models import PlanView
from portal.queries.timeline import EmailView, EventView
from portal.services import offer_addresses, offers, plans, reminders
from portal.services.transaction import unit_of_work
from portal.web.fields import EmailField, TextField
from portal.web.forms import LONGEST_SEARCH, MoneyForm, PageForm, searched
from portal.web.guards import actor, requires
from portal.web.rendering import done, respond

bp = Blueprint("merchant_plans", __name__, url_prefix="/merchant/plans")

STATES = {
    "": _l("All plans"),
    "offered": _l("Offered"),
    "active": _l("Active, on time"),
    "overdue": _l("Overdue"),
    "due": _l("Due this week"),
    "completed": _l("Completed"),
    "cancelled": _l("Cancelled"),
    "written_off": _l("Written off"),
    "declined": _l("Declined"),
    "revoked": _l("Revoked"),
    "expired": _l("Expired"),
    "done": _l("Ended"),
}
TABS = {
    "": _l("All"),
    "overdue": _l("Overdue"),
    "due": _l("Due this week"),
    "offered": _l("Offers"),
    "done": _l("Done"),
}
# Only plans that are active have a day that is due next.
WITH_DUE_DAYS = ("", "active", "overdue", "due")
ORDERS = {"": _l("Newest first"), "due": _l("Active plans, next due first")}
# Who is late is followed up from the oldest on: these have one order only.
IN_DUE_ORDER = {"overdue": _l("Oldest due first"), "due": _l("Next due first")}
PLACE_NAMES = ("search", "status", "sort", "before", "after")


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
    form.sort.choices = _choices(_orders(listing.status))
    filters = {"search": listing.search, "status": listing.status, "sort": "due" if listing.by_due else ""}
    filters = {name: value for name, value in filters.items() if value}
    counts = tab_counts(db.session, actor(), now())
    found, totals = merchant.page_and_totals(db.session, actor(), now(), listing)
    return respond(
        "merchant/plans.html",
        "merchant/_plans.html",
        also=("merchant/_order.html",),
        form=form,
        found=found,
        totals=totals,
        currency=actor().currency,
        filters=filters,
        list_state=_list_state(),
        page_of=_page_of,
        tabs=[(status, words, counts.get(status)) for status, words in TABS.items()],
        most_counted=MOST_COUNTED,
        portal_url=current_app.config["PORTAL_URL"],
    )


def _listing(form: FilterForm) -> PlanListQuery:
    status = form.status.data if form.status.data in STATES else ""
    by_due = status in IN_DUE_ORDER or (status in WITH_DUE_DAYS and form.sort.data == "due")
    before, after = (_place(request.args.get(name, ""), by_due) for name in ("before", "after"))
    return PlanListQuery(status, searched(), by_due, before, None if before else after)


def _orders(status: str) -> Mapping[str, str]:
    """The orders that a list of this status can have; the first is the one that nobody has to choose."""
    if status in IN_DUE_ORDER:
        return {"": IN_DUE_ORDER[status]}
    return ORDERS if status in WITH_DUE_DAYS else {"": ORDERS[""]}


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


@bp.post("/<uuid:plan_id>/remind")
@requires(Permission.RECORD)
def remind(plan_id: UUID) -> Response:
    """Send a reminder of what is late now, at most one a day."""
    try:
        with unit_of_work(db.session):
            reminders.send_now(db.session, actor(), plan_id, now())
    except Conflict as conflict:
        return _plan_page(plan_id, 409, error_text(conflict))
    return done(url_for(".show", plan_id=plan_id), _("The reminder is sent."))


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
        opened=open_payments(db.session, [plan]),
        autopay=find_autopay(db.session, plan, now()),
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
        reminded=_reminded(emails),
        portal_url=current_app.config["PORTAL_URL"],
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


def _reminded(emails: list[EmailView]) -> tuple[datetime, int] | None:
    """When the customer was last reminded of something late on this plan, and how often."""
    times = {email.created_at for email in emails if email.kind in (*OVERDUE, reminders.KIND)}
    return (max(times), len(times)) if times else None
