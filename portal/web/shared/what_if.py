"""What if: a payment now, a missed date, another date; the schedule, emails and numbers that would follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from dateutil.relativedelta import relativedelta
from flask import Blueprint, Response, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.validators import InputRequired

from portal.core.errors import N_, Conflict, InvalidInput
from portal.core.roles import Permission, Role
from portal.extensions import db, now
from portal.presentation.i18n import error_text
from portal.queries import listing, metrics
from portal.queries.autopay import find_autopay
from portal.queries.read_models import PlanView
from portal.services import amendments, what_if
from portal.services.transaction import trial
from portal.web.fields import AmountField, DayField, KeyField
from portal.web.forms import PageForm
from portal.web.guards import actor, origin, requires
from portal.web.rendering import preview_status, respond
from portal.web.words import words

bp = Blueprint("what_if", __name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What would be: the plan, the emails in order, the shop's numbers in words, and whether it waits for a yes."""

    plan: PlanView
    emails: list[what_if.Sent]
    numbers: list[tuple[str, str]]
    waits: bool


class WhatIfForm(PageForm):
    what = KeyField(longest=10)


class PayForm(WhatIfForm):
    amount = AmountField(_l("Amount"))
    plan: PlanView

    @property
    def currency(self) -> str:
        return self.plan.currency


class MoveForm(WhatIfForm):
    due_date = DayField(_l("New date"), [InputRequired(_l("Enter a date, such as 2026-12-31."))])


NUMBERS = {"total_revenue": N_("Total revenue"), "outstanding": N_("Outstanding"), "overdue": N_("Overdue")}
FORMS: dict[str, type[WhatIfForm]] = {"pay": PayForm, "miss": WhatIfForm, "move": MoveForm}


@bp.route("/merchant/plans/<uuid:plan_id>/what-if", methods=["GET", "POST"])
@requires(Permission.AMEND)
def for_merchant(plan_id: UUID) -> Response:
    return _answer(plan_id, "merchant")


@bp.route("/customer/plans/<uuid:plan_id>/what-if", methods=["GET", "POST"])
@requires(Role.CUSTOMER)
def for_customer(plan_id: UUID) -> Response:
    return _answer(plan_id, "customer")


def _answer(plan_id: UUID, side: str) -> Response:
    """The page, and once something is asked what would follow; writes nothing."""
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    asked = WhatIfForm()
    if not asked.is_submitted() or not plan.next_due:
        return _page(plan, side)
    what = asked.what.data if asked.what.data in FORMS else "miss"
    form = FORMS[what]()
    if isinstance(form, PayForm):
        form.plan = plan
    if not form.validate():
        return _page(plan, side, what, form, preview_status(422))
    try:
        with form.collecting():
            return _page(plan, side, what, form, found=_found(plan, side, form))
    except Conflict as conflict:
        form.form_errors = [error_text(conflict)]
        return _page(plan, side, what, form, preview_status(409))
    return _page(plan, side, what, form, preview_status(422))


def _found(plan: PlanView, side: str, form: WhatIfForm) -> Found:
    """Done, read and rolled back."""
    due = plan.next_due
    if due is None:
        raise ValueError("nothing is owed")
    act: Callable[[], Any] = list
    later = now()
    if isinstance(form, PayForm):
        pay = what_if.pay_as_shop if side == "merchant" else what_if.pay_as_customer
        act = partial(pay, db.session, actor(), plan.id, form.amount.minor or 0, now())
    elif isinstance(form, MoveForm):
        act = partial(_move, plan.id, due.id, form.due_date.data)
    else:
        later += max(due.due_on - plan.today, timedelta(0)) + timedelta(days=1)
    before = _numbers(now()) if side == "merchant" else {}
    with trial(db.session):
        emails = what_if.emails(db.session, plan.merchant_id, plan.id, now(), act)
        then = listing.get_plan(db.session, actor(), plan.id, later)
        after = _numbers(later) if before else {}
    numbers = [(_(NUMBERS[name]), _then(after[name], before[name], plan.currency)) for name in before]
    moved = isinstance(form, MoveForm)
    return Found(then, emails, numbers, moved and then.times_moved == plan.times_moved)


def _move(plan_id: UUID, installment_id: UUID, due_on: date) -> None:
    proposal = amendments.Proposal(plan_id, ((installment_id, due_on),), "")
    try:
        amendments.propose(db.session, actor(), proposal, origin(), now())
    except InvalidInput as invalid:
        raise InvalidInput({"due_date": next(iter(invalid.errors.values()))}) from None


def _then(then: int, before: int, currency: str) -> str:
    """A number as it would be, beside the one of today where they differ."""
    amount = partial(words().amount, currency=currency)
    if then == before:
        return amount(then)
    return words().gettext("%(then)s, now %(before)s", then=amount(then), before=amount(before))


def _numbers(moment: datetime) -> dict[str, int]:
    """The shop's numbers that a plan can change, in minor units, by their names."""
    found = metrics.dashboard(db.session, actor(), moment)
    return {name: getattr(found, name) for name in NUMBERS}


def _page(
    plan: PlanView,
    side: str,
    what: str = "",
    form: WhatIfForm | None = None,
    status: int = 200,
    found: Found | None = None,
) -> Response:
    pay = form if isinstance(form, PayForm) else PayForm(formdata={})
    move = form if isinstance(form, MoveForm) else MoveForm(formdata={})
    if plan.next_due and move is not form:
        move.due_date.data = max(plan.next_due.due_on, plan.today) + relativedelta(weeks=1)
    return respond(
        "what_if.html",
        "_what_if.html",
        status=status,
        plan=plan,
        side=side,
        what=what,
        form=form,
        pay=pay,
        move=move,
        found=found,
        url=url_for(f".for_{side}", plan_id=plan.id),
        back=url_for("merchant_plans.show" if side == "merchant" else "customer.plan", plan_id=plan.id),
        autopay=find_autopay(db.session, plan, now()),
    )
