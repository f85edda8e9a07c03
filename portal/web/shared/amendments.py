"""Changing the dates of a plan: either side proposes, the other answers; what would change is shown before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from htmx_flask import request
from wtforms import BooleanField
from wtforms.validators import DataRequired, InputRequired

from portal.core.amendments import AmendmentState
from portal.core.errors import Conflict, Forbidden, InvalidInput
from portal.core.payments import REASON_LONGEST
from portal.core.roles import Permission, Role
from portal.extensions import db, now
from portal.presentation.i18n import error_text
from portal.queries import listing
from portal.queries.amendments import get_amendment
from portal.queries.read_models import PlanView
from portal.services import amendments
from portal.services.amendments import Preview, Proposal
from portal.services.transaction import unit_of_work
from portal.web.fields import DayField, KeyField, TextField
from portal.web.forms import PageForm
from portal.web.guards import actor, origin, requires
from portal.web.rendering import done, respond

bp = Blueprint("amendments", __name__)

OF_SHOP = "/merchant/plans/<uuid:plan_id>/amendments"
OF_CUSTOMER = "/customer/plans/<uuid:plan_id>/amendments"


class DatesForm(PageForm):
    """New dates: a field for each installment that owes something, which ``dates_form`` adds."""

    reason = TextField(_l("Reason"), longest=REASON_LONGEST)
    plan: PlanView

    @property
    def days(self) -> list[tuple[Any, DayField]]:
        """Each installment with its field."""
        return [(line, self[f"due_date-{line.number}"]) for line in self.plan.installments if line.owed]

    def proposal(self) -> Proposal:
        """What a valid form asks for."""
        dates = tuple((line.id, field.data) for line, field in self.days)
        return Proposal(self.plan.id, dates, self.reason.data)

    def named(self, invalid: InvalidInput) -> InvalidInput:
        """The faults by the fields of this form: a service counts the installments that it was given."""
        names = {f"installments.{n}.due_date": field.name for n, (_line, field) in enumerate(self.days)}
        return InvalidInput({names.get(name, name): error for name, error in invalid.errors.items()})


def dates_form(plan: PlanView, formdata: Mapping[str, str] | None = None) -> DatesForm:
    needed = [InputRequired(_("Enter a date, such as 2026-12-31."))]
    fields = {
        f"due_date-{line.number}": DayField(
            _("Installment %(number)s is due on", number=line.number), needed, default=line.due_on
        )
        for line in plan.installments
        if line.owed
    }
    form: DatesForm = type("DatesOfPlan", (DatesForm,), fields)(formdata)
    form.plan = plan
    return form


@bp.route(f"{OF_SHOP}/new", methods=["GET", "POST"])
@requires(Permission.AMEND)
def propose(plan_id: UUID) -> Response:
    return _propose(plan_id, "merchant")


@bp.route(f"{OF_CUSTOMER}/new", methods=["GET", "POST"])
@requires(Role.CUSTOMER)
def ask(plan_id: UUID) -> Response:
    return _propose(plan_id, "customer")


@bp.post(f"{OF_SHOP}/preview")
@requires(Permission.AMEND)
def preview(plan_id: UUID) -> Response:
    return _preview(plan_id, "merchant")


@bp.post(f"{OF_CUSTOMER}/preview")
@requires(Role.CUSTOMER)
def preview_asking(plan_id: UUID) -> Response:
    return _preview(plan_id, "customer")


@bp.get(f"{OF_SHOP}/<int:number>")
@requires(Role.MERCHANT)
def show(plan_id: UUID, number: int) -> Response:
    return _page(plan_id, number, "merchant")


@bp.get(f"{OF_CUSTOMER}/<int:number>")
@requires(Role.CUSTOMER)
def show_to_customer(plan_id: UUID, number: int) -> Response:
    return _page(plan_id, number, "customer")


class AgreeForm(PageForm):
    agree = BooleanField(
        _l("I have read and agree to these dates"),
        validators=[DataRequired(_l("Tick the box to say that you have read and agree to these dates."))],
    )
    terms_hash = KeyField()


@bp.post(f"{OF_CUSTOMER}/<int:number>/accept")
@requires(Role.CUSTOMER)
def accept(plan_id: UUID, number: int) -> Response:
    """Agree to exactly the terms that were shown."""
    form = AgreeForm()
    if not form.validate():
        return _page(plan_id, number, "customer", 422, form=form)

    def act() -> AmendmentState:
        args = actor(), plan_id, number, form.terms_hash.data, origin(), now()
        return amendments.accept(db.session, *args)

    return _answered(plan_id, number, "customer", act, _("The new dates are in force."))


@bp.post(f"{OF_SHOP}/<int:number>/accept")
@requires(Permission.AMEND)
def agree(plan_id: UUID, number: int) -> Response:
    """Give the customer the dates that were asked for."""

    def act() -> AmendmentState:
        return amendments.accept(db.session, actor(), plan_id, number, None, origin(), now())

    return _answered(plan_id, number, "merchant", act, _("The new dates are in force."))


@bp.post(f"{OF_SHOP}/<int:number>/decline")
@requires(Permission.AMEND)
def decline(plan_id: UUID, number: int) -> Response:
    return _ended(plan_id, number, "merchant", amendments.decline)


@bp.post(f"{OF_CUSTOMER}/<int:number>/decline")
@requires(Role.CUSTOMER)
def decline_as_customer(plan_id: UUID, number: int) -> Response:
    return _ended(plan_id, number, "customer", amendments.decline)


@bp.post(f"{OF_SHOP}/<int:number>/withdraw")
@requires(Permission.AMEND)
def withdraw(plan_id: UUID, number: int) -> Response:
    return _ended(plan_id, number, "merchant", amendments.withdraw)


@bp.post(f"{OF_CUSTOMER}/<int:number>/withdraw")
@requires(Role.CUSTOMER)
def withdraw_as_customer(plan_id: UUID, number: int) -> Response:
    return _ended(plan_id, number, "customer", amendments.withdraw)


@bp.post(f"{OF_CUSTOMER}/<int:number>/keep")
@requires(Role.CUSTOMER)
def keep_old_dates(plan_id: UUID, number: int) -> Response:
    def act() -> None:
        amendments.keep_old_dates(db.session, actor(), plan_id, number, origin(), now())

    return _answered(plan_id, number, "customer", act, _("The old dates hold again."))


def _propose(plan_id: UUID, side: str) -> Response:
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    form = dates_form(plan)
    if not form.is_submitted():
        return _form_page(form, side)
    form.validate()
    try:
        with form.collecting():
            if form.errors:
                return _form_page(form, side, 422)
            try:
                with unit_of_work(db.session):
                    number = amendments.propose(db.session, actor(), form.proposal(), origin(), now())
            except InvalidInput as invalid:
                raise form.named(invalid) from None
            return done(_url(side, "show", plan_id, number=number), _said_of(plan_id, number))
    except Conflict as conflict:
        form.form_errors = [error_text(conflict)]
        return _form_page(form, side, 409)
    return _form_page(form, side, 422)


def _said_of(plan_id: UUID, number: int) -> str:
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    if get_amendment(db.session, plan, number, now()).state is AmendmentState.IN_FORCE:
        return _("The new dates are in force. The customer has been sent an email.")
    return _("Your proposal is sent. The old dates hold until it is answered.")


def _preview(plan_id: UUID, side: str) -> Response:
    """What the dates would mean, as far as they are typed; writes nothing."""
    form = dates_form(listing.get_plan(db.session, actor(), plan_id, now()))
    if not form.validate():
        return _form_page(form, side, 200 if request.htmx else 422)
    try:
        with form.collecting():
            try:
                found = amendments.preview(db.session, actor(), form.proposal(), now())
            except InvalidInput as invalid:
                raise form.named(invalid) from None
            return _form_page(form, side, preview=found)
    except Conflict as conflict:
        form.form_errors = [error_text(conflict)]
        return _form_page(form, side, 409)
    return _form_page(form, side, 200 if request.htmx else 422)


def _form_page(form: DatesForm, side: str, status: int = 200, preview: Preview | None = None) -> Response:
    plan = form.plan
    previews = {"merchant": ".preview", "customer": ".preview_asking"}
    return respond(
        "amendment_new.html",
        "_amendment_preview.html",
        status=status,
        plan=plan,
        form=form,
        side=side,
        preview=preview,
        back=_plan_url(side, plan.id),
        preview_url=url_for(previews[side], plan_id=plan.id),
    )


def _page(
    plan_id: UUID,
    number: int,
    side: str,
    status: int = 200,
    form: AgreeForm | None = None,
    problem: str | None = None,
) -> Response:
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    page = render_template(
        "amendment.html",
        plan=plan,
        amendment=get_amendment(db.session, plan, number, now()),
        side=side,
        back=_plan_url(side, plan_id),
        url=lambda name: _url(side, name, plan_id, number=number),
        form=form or AgreeForm(formdata={}),
        problem=problem,
    )
    return make_response(page, status)


def _ended(plan_id: UUID, number: int, side: str, end: Callable[..., None]) -> Response:
    """Decline or withdraw."""

    def act() -> None:
        end(db.session, actor(), plan_id, number, now())

    return _answered(plan_id, number, side, act, _("The dates stay as they were."))


def _answered(
    plan_id: UUID, number: int, side: str, act: Callable[[], AmendmentState | None], said: str
) -> Response:
    try:
        with unit_of_work(db.session):
            state = act()
    except (Conflict, Forbidden) as refusal:
        return _page(plan_id, number, side, 409, problem=error_text(refusal))
    if state is AmendmentState.WITHDRAWN:
        text = _("Something of this change was paid or cancelled meanwhile, so it was withdrawn.")
        return _page(plan_id, number, side, 409, problem=text)
    return done(_plan_url(side, plan_id), said)


ENDPOINTS = {
    "merchant": {
        "show": ".show",
        "accept": ".agree",
        "decline": ".decline",
        "withdraw": ".withdraw",
    },
    "customer": {
        "show": ".show_to_customer",
        "accept": ".accept",
        "decline": ".decline_as_customer",
        "withdraw": ".withdraw_as_customer",
        "keep": ".keep_old_dates",
    },
}


def _url(side: str, name: str, plan_id: UUID, **values: Any) -> str:
    return url_for(ENDPOINTS[side][name], plan_id=plan_id, **values)


def _plan_url(side: str, plan_id: UUID) -> str:
    return url_for("merchant_plans.show" if side == "merchant" else "customer.plan", plan_id=plan_id)
