"""Customer pages: offers, payments and receipts; only terms and amounts that were shown are accepted or charged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from htmx_flask import request
from wtforms import BooleanField
from wtforms.validators import DataRequired, InputRequired, Regexp

from portal.core.amendments import AmendmentState
from portal.core.errors import Conflict, NotFound
from portal.core.roles import Role
from portal.core.states import PlanState
from portal.core.terms import hash_text
from portal.extensions import adapters, db, now
from portal.presentation.activity import timeline_of
from portal.presentation.card_names import consent_text
from portal.presentation.i18n import amount_text, error_text
from portal.presentation.outcomes import payment_failed, payment_processing
from portal.queries import customer, listing, timeline
from portal.queries.agreements import find_agreement
from portal.queries.amendments import amendments_of
from portal.queries.autopay import find_autopay
from portal.queries.read_models import PlanView
from portal.queries.timeline import PaymentView
from portal.services import offers, payments
from portal.services.payment_settlement import Answer
from portal.services.payments import PaymentRequest, Scope
from portal.services.transaction import unit_of_work
from portal.web import cards, form_drafts
from portal.web.cards import Card
from portal.web.fields import AmountField, KeyField, WholeNumberField
from portal.web.forms import KeyedForm, MoneyForm, PageForm
from portal.web.guards import actor, origin, requires
from portal.web.providers import go_to, with_open_payments
from portal.web.rendering import announce, done, preview_status, respond
from portal.web.shared.agreements import agreed_terms
from portal.web.words import words

from .autopay_form import AutopayForm

bp = Blueprint("customer", __name__, url_prefix="/customer")


@dataclass(frozen=True, slots=True)
class Notice:
    """A form's result, shown on the page or inside the plan's card; ``card_link`` adds a link to the test cards.

    ``receipt`` is the address of what was paid, ``fresh`` are the numbers of the installments that were.
    """

    text: str
    kind: str = "error"
    card_link: bool = False
    receipt: str | None = None
    fresh: tuple[int, ...] = ()


# --- The home page


@bp.get("/")
@requires(Role.CUSTOMER)
def home() -> Response:
    return _home(page=request.args.get("page", 1, type=int))


def _home(
    status: int = 200, plan_notice: Notice | None = None, notice_plan_id: UUID | None = None, page: int = 1
) -> Response:
    """A page of plans; for HTMX the card of ``notice_plan_id``, which shows ``plan_notice``, and the totals."""
    found = customer.get_home(db.session, actor(), now(), page, notice_plan_id)
    fresh = plan_notice.fresh if plan_notice else ()
    shown = (*found.offers, *found.active, *found.finished, found.upcoming, found.plan)

    def draw(plan: PlanView) -> Card:
        return cards.card(plan, words(), fresh if plan.id == notice_plan_id else ())

    panel = draw(found.upcoming) if found.upcoming else None
    return respond(
        "customer/home.html",
        "customer/_plan_card.html",
        also=("customer/_totals.html",),
        status=status,
        home=found,
        totals=found.totals,
        offer_count=found.offer_count,
        panel=panel,
        panel_here=panel is not None and panel.id in {plan.id for plan in found.active},
        in_panel=panel is not None and panel.id == notice_plan_id,
        card=draw(found.plan) if found.plan else None,
        opened=with_open_payments(shown),
        cards=[draw(plan) for plan in found.active] if not request.htmx else [],
        finished_cards=[draw(plan) for plan in found.finished] if not request.htmx else [],
        plan_notice=plan_notice,
        notice_plan_id=notice_plan_id,
        previous_url=url_for(".home", page=found.page - 1) if found.page > 1 else None,
        next_url=url_for(".home", page=found.page + 1) if found.page < found.pages else None,
    )


# --- One plan: the offer and its answer, then the schedule


@bp.get("/plans/<uuid:plan_id>")
@requires(Role.CUSTOMER)
def plan(plan_id: UUID) -> Response:
    return plan_page(plan_id)


def plan_page(
    plan_id: UUID,
    status: int = 200,
    plan_notice: Notice | None = None,
    form: AcceptForm | None = None,
    autopay_form: AutopayForm | None = None,
) -> Response:
    """The plan as it is now; for HTMX its history."""
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    events = timeline.events_of_plan(db.session, plan.merchant_id, plan.id)
    found = amendments_of(db.session, plan, now())
    return respond(
        "customer/plan.html",
        "customer/_history.html",
        status=status,
        plan=plan,
        card=cards.card(plan, words()) if plan.state is not PlanState.OFFERED else None,
        opened=with_open_payments([plan]),
        terms=agreed_terms(plan.terms),
        amendments=found,
        waiting=next((one for one in found if one.state is AmendmentState.PROPOSED), None),
        agreement=find_agreement(db.session, actor(), plan.id),
        payments=timeline.payments_of_plan(db.session, plan.merchant_id, plan.id),
        happened=timeline_of(events, plan.currency),
        form=form or AcceptForm(formdata=None),
        autopay=find_autopay(db.session, plan, now()),
        autopay_form=autopay_form or AutopayForm(formdata=None),
        consent=(consent := consent_text(plan)),
        consent_hash=hash_text(consent),
        plan_notice=plan_notice,
        notice_plan_id=plan.id,
        on_plan_page=True,
    )


@bp.get("/plans/<uuid:plan_id>/card")
@requires(Role.CUSTOMER)
def card(plan_id: UUID) -> Response:
    """A card's poll while its installments are processing: 204 if nothing changed, else the card with the result."""
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    if not request.htmx:
        return make_response("", 303, {"Location": url_for(".plan", plan_id=plan_id)})
    if plan.waiting == request.args.get("waiting", type=int):
        return make_response("", 204)
    settled = [p for p in timeline.payments_of_plan(db.session, plan.merchant_id, plan.id) if p.settled_at]
    last = max(settled, key=lambda p: p.settled_at or p.created_at, default=None)
    if last is None:
        return _back(plan_id)
    if last.state == "succeeded":
        return announce(_back(plan_id, plan_notice=_receipt(last)), _thanks(last), "quiet")
    plan_notice = _failed(last)
    return announce(_back(plan_id, plan_notice=plan_notice), plan_notice.text, "error")


class AcceptForm(PageForm):
    agree = BooleanField(
        _l("I have read and agree to these terms"),
        validators=[DataRequired(_l("Tick the box to say that you have read and agree to these terms."))],
    )
    terms_hash = KeyField()


@bp.post("/plans/<uuid:plan_id>/accept")
@requires(Role.CUSTOMER)
def accept(plan_id: UUID) -> Response:
    form = AcceptForm()
    if not form.validate():
        return plan_page(plan_id, 422, form=form)
    try:
        with unit_of_work(db.session):
            offers.accept(db.session, actor(), plan_id, form.terms_hash.data, origin(), now())
    except Conflict as conflict:
        return plan_page(plan_id, 409, Notice(error_text(conflict), "warning"))
    return done(
        url_for(".plan", plan_id=plan_id), _("You accepted the plan. Its terms are kept on this page.")
    )


@bp.post("/plans/<uuid:plan_id>/decline")
@requires(Role.CUSTOMER)
def decline(plan_id: UUID) -> Response:
    try:
        with unit_of_work(db.session):
            offers.decline(db.session, actor(), plan_id, now())
    except Conflict as conflict:
        return plan_page(plan_id, 409, Notice(error_text(conflict), "warning"))
    return done(url_for(".plan", plan_id=plan_id), _("You declined the offer. You owe nothing."), "info")


# --- Paying


@bp.post("/installments/<uuid:installment_id>/pay")
@requires(Role.CUSTOMER)
def pay_installment(installment_id: UUID) -> Response:
    # The page's forms name the plan, which spares looking it up; that it is the customer's own is checked in any case.
    plan_id = request.form.get("plan", type=UUID)
    if plan_id is None:
        wanted = PaymentRequest(None, Scope.INSTALLMENT, None, installment_id)
        try:
            plan_id = customer.plan_of_installment(db.session, actor(), installment_id)
        except NotFound:
            raise payments.not_found(db.session, actor(), wanted) from None
    return _pay(plan_id, Scope.INSTALLMENT, installment_id)


@bp.post("/plans/<uuid:plan_id>/pay-overdue")
@requires(Role.CUSTOMER)
def pay_overdue(plan_id: UUID) -> Response:
    return _pay(plan_id, Scope.OVERDUE)


@bp.post("/plans/<uuid:plan_id>/pay-off")
@requires(Role.CUSTOMER)
def pay_off(plan_id: UUID) -> Response:
    return _pay(plan_id, Scope.ALL)


class AmountForm(KeyedForm):
    """An amount that the customer chose; ``owed`` is all that the page showed as owed, in minor units."""

    amount = AmountField(_l("Amount to pay"))
    owed = WholeNumberField(validators=[InputRequired()])

    def __init__(self, plan: PlanView, formdata: Mapping[str, str] | None = None) -> None:
        super().__init__(formdata, owed=plan.owed)
        self.plan = plan
        self.currency = plan.currency

    def request(self) -> PaymentRequest:
        """What a valid form asks for."""
        return PaymentRequest(self.plan.id, Scope.AMOUNT, self.owed.data, part=self.amount.minor)


@bp.route("/plans/<uuid:plan_id>/amount", methods=["GET", "POST"])
@requires(Role.CUSTOMER)
@form_drafts.preserve("amount")
def pay_amount(plan_id: UUID) -> Response:
    """Pay any amount of what is owed: what is due first is paid first."""
    form = AmountForm(listing.get_plan(db.session, actor(), plan_id, now()), form_drafts.restore())
    if not form.is_submitted():
        return _amount_page(form)
    if not form.validate():
        return _amount_page(form, 422)
    try:
        with form.collecting():
            gateway = adapters().gateway
            answer = payments.pay(db.session, gateway, actor(), form.request(), form.idempotency_key, now())
            return _answered(answer)
    except Conflict as conflict:
        db.session.expire_all()
        form.plan = listing.get_plan(db.session, actor(), plan_id, now())
        form.form_errors = [error_text(conflict)]
        return _amount_page(form, 409)
    return _amount_page(form, 422)


@bp.post("/plans/<uuid:plan_id>/amount/preview")
@requires(Role.CUSTOMER)
@form_drafts.preserve("amount", page="customer.pay_amount")
def preview_amount(plan_id: UUID) -> Response:
    """What the amount would pay, as far as it is typed; writes nothing."""
    form = AmountForm(listing.get_plan(db.session, actor(), plan_id, now()))
    if not form.validate():
        return _amount_page(form, preview_status(422))
    try:
        with form.collecting():
            return _amount_page(form, amounts=payments.preview(db.session, actor(), form.request(), now()))
    except Conflict as conflict:
        form.form_errors = [error_text(conflict)]
        return _amount_page(form, preview_status(409))
    return _amount_page(form, preview_status(422))


def _amount_page(form: AmountForm, status: int = 200, amounts: dict[UUID, int] | None = None) -> Response:
    paid = amounts or {}
    return respond(
        "customer/amount.html",
        "customer/_amount_preview.html",
        status=status,
        plan=form.plan,
        opened=with_open_payments([form.plan]),
        form=form,
        rows=[(i, paid[i.id]) for i in form.plan.installments if i.id in paid],
        on_plan_page=_onplan_page(),
    )


class PayForm(MoneyForm):
    """The one form of a card: each of its buttons pays something else, and has a key of its own."""

    key = KeyField([Regexp(r"[!-~]{0,200}\Z")])

    def key_of(self, what: UUID | Scope) -> str | None:
        return f"{self.key.data}-{what}" if self.key.data else None


def _pay(plan_id: UUID, scope: Scope, installment_id: UUID | None = None) -> Response:
    form = PayForm()
    if not form.validate():
        return _back(plan_id, 422, Notice(_("The form was incomplete, and nothing was charged. Try again.")))
    wanted = PaymentRequest(plan_id, scope, form.amount.data, installment_id)
    try:
        key = form.key_of(installment_id or scope)
        answer = payments.pay(db.session, adapters().gateway, actor(), wanted, key, now())
    except Conflict as conflict:
        return _back(plan_id, 409, Notice(error_text(conflict), "warning"))
    return _answered(answer)


def _answered(answer: Answer) -> Response:
    """The page of the form, with the outcome of the payment."""
    if answer.status == "paid":
        return _paid(answer)
    if answer.url:
        return go_to(answer.url)
    if answer.status == "processing":
        return _back(answer.plan_id, 202, Notice(payment_processing(), "info"))
    return _back(answer.plan_id, 402, _failed(answer))


def _paid(answer: Answer) -> Response:
    if request.htmx:
        return announce(_back(answer.plan_id, plan_notice=_receipt(answer)), _thanks(answer), "quiet")
    url = url_for(".plan", plan_id=answer.plan_id) if _onplan_page() else url_for(".home")
    return done(url, _thanks(answer))


def _thanks(paid: Answer | PaymentView) -> str:
    return _("Thank you. %(amount)s is paid.", amount=amount_text(paid.amount, paid.currency))


def _receipt(paid: Answer | PaymentView) -> Notice:
    """What the card says of a payment that was made just now: it stands where the reader looks, over no button."""
    payment_id = paid.payment_id if isinstance(paid, Answer) else paid.id
    number = paid.installment.get("number") if isinstance(paid, Answer) and paid.installment else None
    text = _("Paid today: %(amount)s.", amount=amount_text(paid.amount, paid.currency))
    fresh = (number,) if number else ()
    return Notice(text, "success", receipt=url_for(".payment", payment_id=payment_id), fresh=fresh)


def _failed(payment: Answer | PaymentView) -> Notice:
    by_card = payment.outcome in ("declined", "insufficient_funds")
    return Notice(payment_failed(payment.outcome, payment.amount, payment.currency), card_link=by_card)


def _onplan_page() -> bool:
    return request.values.get("page") == "plan"


def _back(plan_id: UUID, status: int = 200, plan_notice: Notice | None = None) -> Response:
    """The page of the money form, with the current figures."""
    # The payment's Core statements bypassed the identity map.
    db.session.expire_all()
    if not _onplan_page():
        return _home(status, plan_notice, plan_id)
    if not request.htmx:
        return plan_page(plan_id, status, plan_notice)
    plan = listing.get_plan(db.session, actor(), plan_id, now())
    card = render_template(
        "customer/_plan_card.html",
        card=cards.card(plan, words(), plan_notice.fresh if plan_notice else ()),
        opened=with_open_payments([plan]),
        plan_notice=plan_notice,
        notice_plan_id=plan.id,
        on_plan_page=True,
    )
    response = make_response(card, status)
    # The history beside the card listens for this and reloads.
    response.headers["HX-Trigger-After-Settle"] = "plan-changed"
    return response


# --- Receipts


@bp.get("/payments/<uuid:payment_id>")
@requires(Role.CUSTOMER)
def payment(payment_id: UUID) -> str:
    found = customer.get_payment(db.session, actor(), payment_id)
    lines = timeline.receipt_lines(db.session, found)
    failure = payment_failed(found.outcome, found.amount, found.currency)
    plan = listing.get_plan(db.session, actor(), found.plan_id, now())
    return render_template("customer/payment.html", payment=found, lines=lines, failure=failure, plan=plan)
