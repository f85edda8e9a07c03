"""Changing the dates of a plan: either side proposes, the other answers; what would change is shown before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from dateutil.relativedelta import relativedelta
from flask import Blueprint, Response, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, SelectField
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, InputRequired, ValidationError

from portal.core.amendments import AmendmentState
from portal.core.errors import Conflict, Forbidden, InvalidInput
from portal.core.payments import REASON_LONGEST
from portal.core.roles import Need, Permission, Role
from portal.core.schedule import PERIODS, Frequency, ScheduleRequest, build_schedule
from portal.extensions import db, now
from portal.guards import View
from portal.presentation.i18n import error_text
from portal.queries import listing
from portal.queries.amendments import get_amendment
from portal.queries.read_models import PlanView
from portal.services import amendments, amendments_at_once
from portal.services.amendments import Preview, Proposal
from portal.services.transaction import unit_of_work
from portal.web.fields import DayField, KeyField, TextField, WholeNumberField
from portal.web.forms import PageForm
from portal.web.guards import actor, origin, requires
from portal.web.rendering import done, preview_status, respond

bp = Blueprint("amendments", __name__)

# The two sides of a plan: what a reader needs, and what who acts needs.
SIDES: dict[str, tuple[Need, Need]] = {
    "merchant": (Role.MERCHANT, Permission.AMEND),
    "customer": (Role.CUSTOMER, Role.CUSTOMER),
}


def both_sides(path: str, *methods: str, reading: bool = False) -> Callable[[View], View]:
    """Route a view, which is told its side, at the pages of both: as ``merchant_<name>`` and ``customer_<name>``."""

    def route(view: View) -> View:
        for side, needs in SIDES.items():

            def of_side(*, side: str = side, **address: Any) -> Response:
                response: Response = view(side=side, **address)
                return response

            bp.add_url_rule(
                f"/{side}/plans/<uuid:plan_id>/amendments{path}",
                f"{side}_{view.__name__}",
                requires(needs[0] if reading else needs[1])(of_side),
                methods=methods,
            )
        return view

    return route


class ChangeForm(PageForm):
    """What one side asks of the other, and why."""

    reason = TextField(_l("Reason"), longest=REASON_LONGEST)
    plan: PlanView

    @property
    def fields(self) -> list[Any]:
        """Those that say what changes."""
        raise NotImplementedError

    def proposal(self) -> Proposal:
        """What a valid form asks for. Raises ``InvalidInput``."""
        raise NotImplementedError

    def named(self, invalid: InvalidInput) -> InvalidInput:
        """The faults by the fields of this form."""
        return invalid


class DatesForm(ChangeForm):
    """New dates: a field for each installment that owes something, which ``dates_form`` adds."""

    @property
    def fields(self) -> list[Any]:
        return [field for _line, field in self.days]

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
            _("The deposit is due on")
            if line.is_deposit
            else _("Installment %(number)s is due on", number=line.number),
            needed,
            default=line.due_on,
        )
        for line in plan.installments
        if line.owed
    }
    form: DatesForm = type("DatesOfPlan", (DatesForm,), fields)(formdata)
    form.plan = plan
    return form


class SpreadForm(ChangeForm):
    """All that is owed, in equal new installments."""

    num_installments = WholeNumberField(
        _l("Number of new installments"), [InputRequired(_l("Enter a whole number, such as 3."))]
    )
    frequency = SelectField(
        _l("How often"),
        choices=[
            SelectChoice(Frequency.WEEKLY, _l("Every week")),
            SelectChoice(Frequency.BIWEEKLY, _l("Every two weeks")),
            SelectChoice(Frequency.MONTHLY, _l("Every month")),
        ],
        default=Frequency.MONTHLY,
        validate_choice=False,
    )
    start_date = DayField(_l("First due date"), [InputRequired(_l("Enter a date, such as 2026-12-31."))])

    @property
    def fields(self) -> list[Any]:
        return [self.num_installments, self.frequency, self.start_date]

    def validate_frequency(self, field: SelectField) -> None:
        if field.data not in PERIODS:
            raise ValidationError(_("Choose how often from the list."))

    def proposal(self) -> Proposal:
        asked = ScheduleRequest(
            self.plan.owed,
            self.plan.currency,
            self.num_installments.data,
            Frequency(self.frequency.data),
            self.start_date.data,
        )
        lines = build_schedule(asked, self.plan.today)
        return Proposal(
            self.plan.id, (), self.reason.data, tuple((line.amount, line.due_on) for line in lines)
        )

    def named(self, invalid: InvalidInput) -> InvalidInput:
        """The dates of the new installments follow from the first."""
        names = {"total_amount": "num_installments", "installments.0.due_date": "start_date"}
        return InvalidInput({names.get(name, name): error for name, error in invalid.errors.items()})


def spread_form(plan: PlanView) -> SpreadForm:
    owing = [line for line in plan.installments if line.owed]
    in_a_month = plan.today + relativedelta(months=1)
    form = SpreadForm(num_installments=max(len(owing), 1), start_date=in_a_month)
    form.plan = plan
    return form


@both_sides("/new", "GET", "POST")
def new(plan_id: UUID, side: str) -> Response:
    return _propose(dates_form(listing.get_plan(db.session, actor(), plan_id, now())), side)


@both_sides("/preview", "POST")
def preview(plan_id: UUID, side: str) -> Response:
    return _preview(dates_form(listing.get_plan(db.session, actor(), plan_id, now())), side)


@both_sides("/spread", "GET", "POST")
def spread(plan_id: UUID, side: str) -> Response:
    return _propose(spread_form(listing.get_plan(db.session, actor(), plan_id, now())), side)


@both_sides("/spread/preview", "POST")
def spread_preview(plan_id: UUID, side: str) -> Response:
    return _preview(spread_form(listing.get_plan(db.session, actor(), plan_id, now())), side)


@both_sides("/<int:number>", "GET", reading=True)
def show(plan_id: UUID, number: int, side: str) -> Response:
    return _page(plan_id, number, side)


class AgreeForm(PageForm):
    agree = BooleanField(
        _l("I have read and agree to these dates"),
        validators=[DataRequired(_l("Tick the box to say that you have read and agree to these dates."))],
    )
    terms_hash = KeyField()


@both_sides("/<int:number>/accept", "POST")
def accept(plan_id: UUID, number: int, side: str) -> Response:
    """The customer agrees to exactly the terms that were shown; the shop gives the dates that were asked for."""
    form = AgreeForm()
    if side == "customer" and not form.validate():
        return _page(plan_id, number, side, 422, form=form)
    shown = form.terms_hash.data if side == "customer" else None

    def act() -> AmendmentState:
        return amendments.accept(db.session, actor(), plan_id, number, shown, origin(), now())

    return _answered(plan_id, number, side, act, _("The new dates are in force."))


@both_sides("/<int:number>/decline", "POST")
def decline(plan_id: UUID, number: int, side: str) -> Response:
    return _ended(plan_id, number, side, amendments.decline)


@both_sides("/<int:number>/withdraw", "POST")
def withdraw(plan_id: UUID, number: int, side: str) -> Response:
    return _ended(plan_id, number, side, amendments.withdraw)


@bp.post("/customer/plans/<uuid:plan_id>/amendments/<int:number>/keep")
@requires(Role.CUSTOMER)
def keep_old_dates(plan_id: UUID, number: int) -> Response:
    def act() -> None:
        amendments.keep_old_dates(db.session, actor(), plan_id, number, origin(), now())

    return _answered(plan_id, number, "customer", act, _("The old dates apply again."))


def _propose(form: ChangeForm, side: str) -> Response:
    plan_id = form.plan.id
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
    made = get_amendment(db.session, plan, number, now())
    if made.state is AmendmentState.IN_FORCE:
        if made.by_customer:
            return _("The new date is in force. The shop has been sent an email.")
        return _("The new dates are in force. The customer has been sent an email.")
    return _("Your proposal is sent. The old dates apply until it is answered.")


def _preview(form: ChangeForm, side: str) -> Response:
    """What the change would mean, as far as it is typed; writes nothing."""
    if not form.validate():
        return _form_page(form, side, preview_status(422))
    try:
        with form.collecting():
            try:
                found = amendments.preview(db.session, actor(), form.proposal(), now())
            except InvalidInput as invalid:
                raise form.named(invalid) from None
            return _form_page(form, side, preview=found)
    except Conflict as conflict:
        form.form_errors = [error_text(conflict)]
        return _form_page(form, side, preview_status(409))
    return _form_page(form, side, preview_status(422))


def _form_page(form: ChangeForm, side: str, status: int = 200, preview: Preview | None = None) -> Response:
    plan = form.plan
    spreads = isinstance(form, SpreadForm)
    return respond(
        "amendment_new.html",
        "_amendment_preview.html",
        status=status,
        plan=plan,
        form=form,
        side=side,
        preview=preview,
        back=_plan_url(side, plan.id),
        spreads=spreads,
        form_url=_url(side, "spread" if spreads else "new", plan.id),
        preview_url=_url(side, "spread_preview" if spreads else "preview", plan.id),
        free_days=amendments_at_once.days_to_move(db.session, plan.merchant_id, plan.id)
        if side == "customer"
        else 0,
        other_url=_url(side, "new" if spreads else "spread", plan.id),
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


def _url(side: str, name: str, plan_id: UUID, **values: Any) -> str:
    endpoint = ".keep_old_dates" if name == "keep" else f".{side}_{name}"
    return url_for(endpoint, plan_id=plan_id, **values)


def _plan_url(side: str, plan_id: UUID) -> str:
    return url_for("merchant_plans.show" if side == "merchant" else "customer.plan", plan_id=plan_id)
