"""Receipts and statements as PDF for both parties of a plan; chooses the words, and draws no receipt of no payment."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, make_response
from flask_babel import gettext as _

from portal.core.accounts import shown_email
from portal.core.errors import NotFound
from portal.core.roles import Role
from portal.core.states import InstallmentStatus
from portal.extensions import db, now, read_from_standby
from portal.presentation import formats, pdf
from portal.presentation.i18n import amount_text, language, number
from portal.presentation.methods import method_name
from portal.presentation.outcomes import reversal_reason
from portal.presentation.pdf import Document, Table
from portal.queries import agreements, customer, listing, merchant, timeline
from portal.queries.agreements import Agreement
from portal.queries.read_models import InstallmentView, PlanView
from portal.queries.timeline import PaymentView, ReceiptLine, RefundView
from portal.web.guards import actor, requires
from portal.web.sticks import plan_picture
from portal.web.words import STATES

bp = Blueprint("documents", __name__)


@bp.get("/customer/payments/<uuid:payment_id>.pdf")
@requires(Role.CUSTOMER)
def receipt_for_customer(payment_id: UUID) -> Response:
    read_from_standby()
    return _receipt(customer.get_payment(db.session, actor(), payment_id))


@bp.get("/merchant/payments/<uuid:payment_id>.pdf")
@requires(Role.MERCHANT)
def receipt_for_merchant(payment_id: UUID) -> Response:
    read_from_standby()
    return _receipt(merchant.get_payment(db.session, actor(), payment_id))


@bp.get("/customer/plans/<uuid:plan_id>/statement.pdf")
@requires(Role.CUSTOMER)
def statement_for_customer(plan_id: UUID) -> Response:
    read_from_standby()
    return _statement(listing.get_plan(db.session, actor(), plan_id, now()))


@bp.get("/merchant/plans/<uuid:plan_id>/statement.pdf")
@requires(Role.MERCHANT)
def statement_for_merchant(plan_id: UUID) -> Response:
    read_from_standby()
    return _statement(listing.get_plan(db.session, actor(), plan_id, now()))


def _receipt(payment: PaymentView) -> Response:
    """Raises ``NotFound`` for a payment that has not succeeded: there is no receipt for it."""
    if not payment.receipt or not payment.settled_at:
        raise NotFound()
    lines = timeline.receipt_lines(db.session, payment)
    document = _document(
        sender=payment.merchant_name,
        support=shown_email(payment.support_email),
        title=_("Receipt %(number)s", number=payment.receipt),
        about=payment.description,
        figure=amount_text(payment.amount, payment.currency),
        facts=(
            (_("Paid to"), payment.merchant_name),
            (_("Paid by"), f"{payment.customer_name}, {shown_email(payment.customer_email)}"),
            (_("For"), f"{payment.description}, {payment.reference}"),
            (_("When"), formats.moment(payment.settled_at, payment.timezone, language())),
            *_recorded(payment),
        ),
        tables=(_receipt_table(payment, lines),),
        plan=listing.get_plan(db.session, actor(), payment.plan_id, now()),
    )
    return _answer(document, f"receipt-{payment.receipt}")


def _recorded(payment: PaymentView) -> tuple[tuple[str, str], ...]:
    """How a payment that the shop recorded was made, and who says so."""
    if payment.received_on is None:
        return ()
    note = ((_("Note"), payment.note),) if payment.note else ()
    return (
        (_("How it was paid"), method_name(payment.method)),
        (_("Received on"), formats.day(payment.received_on, language())),
        (_("Recorded by"), payment.recorded_by or ""),
        *note,
        *_reversed(payment),
    )


def _reversed(payment: PaymentView) -> tuple[tuple[str, str], ...]:
    """What turned out not to have come in, since when and why."""
    if payment.reversed_on is None:
        return ()
    day = formats.day(payment.reversed_on, language())
    return (
        (_("Reversed"), amount_text(payment.reversed, payment.currency)),
        (_("Reversed on"), day),
        (_("Reason"), reversal_reason(payment.reason)),
    )


def _statement(plan: PlanView) -> Response:
    """Raises ``NotFound`` for what was never accepted: nothing is owed or paid on it."""
    if not plan.accepted_on:
        raise NotFound()
    owed = amount_text(plan.owed, plan.currency)
    document = _document(
        sender=plan.merchant_name,
        support=shown_email(plan.support_email),
        title=_("Statement of %(reference)s", reference=plan.reference),
        about=plan.description,
        figure=_("%(amount)s still owed", amount=owed) if plan.owed else _("Nothing is owed"),
        facts=_plan_facts(plan, agreements.get_agreement(db.session, actor(), plan.id)),
        tables=(_schedule(plan), *_movements(plan)),
        plan=plan,
    )
    return _answer(document, f"statement-{plan.reference}-{plan.today}")


def _plan_facts(plan: PlanView, agreement: Agreement) -> tuple[tuple[str, str], ...]:
    verified = _("Address verified") if agreement.address_verified else _("Address not verified")
    return (
        (_("As of"), formats.day(plan.today, language())),
        (_("Shop"), f"{plan.merchant_name}, {shown_email(plan.support_email)}"),
        (_("Customer"), f"{plan.customer_name}, {shown_email(plan.customer_email)}"),
        (_("Accepted"), formats.day(plan.accepted_on or plan.today, language())),
        (_("Email"), verified),
        (_("Total"), amount_text(plan.total, plan.currency)),
        (_("Paid"), amount_text(plan.paid, plan.currency)),
        (_("Late"), amount_text(plan.overdue_amount, plan.currency)),
        *([(_("Written off"), amount_text(plan.written_off, plan.currency))] if plan.written_off else []),
    )


# Of the schedule's columns, the first of which holds a number.
WIDTHS = (0.05, 0.15, 0.155, 0.155, 0.155, 0.155, 0.18)


def _schedule(plan: PlanView) -> Table:
    def money(amount: int) -> str:
        return amount_text(amount, plan.currency)

    def state(line: InstallmentView) -> str:
        word = _(STATES["processing" if line.processing else line.status][1])
        if not line.paid_on or line.status is not InstallmentStatus.PAID:
            return word
        return _("%(state)s, %(day)s", state=word, day=formats.short_day(line.paid_on, language()))

    lines = plan.installments
    sums = (sum(i.amount - i.moved for i in lines), plan.paid, sum(i.cancelled for i in lines), plan.owed)
    return Table(
        title=_("Schedule"),
        headings=(_("No."), _("Due"), _("Amount"), _("Paid"), _("Cancelled"), _("Owed"), _("Status")),
        rows=tuple(
            (
                _("Deposit") if i.is_deposit else str(number(i.number)),
                formats.short_day(i.due_on, language()),
                money(i.amount - i.moved),
                money(i.settled),
                money(i.cancelled),
                money(i.owed),
                state(i),
            )
            for i in lines
        ),
        widths=(0.11, 0.13, 0.15, 0.15, 0.15, 0.15, 0.16) if plan.deposit else WIDTHS,
        amounts=frozenset({2, 3, 4, 5}),
        foot=("", _("Total"), *(money(value) for value in sums), ""),
    )


def _movements(plan: PlanView) -> list[Table]:
    """The payments and the refunds, as far as there are any."""

    def money(amount: int) -> str:
        return amount_text(amount, plan.currency)

    paid = [p for p in timeline.payments_of_plan(db.session, plan.merchant_id, plan.id) if p.receipt]
    refunds = timeline.refunds_of_plan(db.session, plan.merchant_id, plan.id)
    tables = [
        Table(
            _("Payments"),
            (_("Receipt"), _("When"), _("How it was paid"), _("Amount")),
            tuple(
                (p.receipt or "", _moment(p, plan), method_name(p.method), money(p.amount))
                for p in reversed(paid)
            ),
            (0.22, 0.34, 0.22, 0.22),
            frozenset({3}),
            ("", _("Total"), "", money(sum(p.amount for p in paid))),
        ),
        _reversals(plan, paid),
        Table(
            _("Refunds"),
            (_("When"), _("Refunded"), _("Cancelled"), _("Returned")),
            tuple(
                (_moment(r, plan), *map(money, (r.amount, r.cancelled, r.returned)))
                for r in reversed(refunds)
            ),
            (0.34, 0.22, 0.22, 0.22),
            frozenset({1, 2, 3}),
        ),
    ]
    return [table for table in tables if table.rows]


def _reversals(plan: PlanView, paid: list[PaymentView]) -> Table:
    """What of the payments turned out not to have come in."""
    return Table(
        _("Reversed"),
        (_("Receipt"), _("When"), _("Reason"), _("Amount")),
        tuple(
            (
                p.receipt or "",
                formats.moment(p.reversed_at, plan.timezone, language()),
                reversal_reason(p.reason),
                amount_text(p.reversed, plan.currency),
            )
            for p in reversed(paid)
            if p.reversed_at
        ),
        (0.22, 0.3, 0.26, 0.22),
        frozenset({3}),
    )


def _moment(moved: PaymentView | RefundView, plan: PlanView) -> str:
    return formats.moment(moved.settled_at or moved.created_at, plan.timezone, language())


def _receipt_table(payment: PaymentView, lines: list[ReceiptLine]) -> Table:
    return Table(
        title=_("Installments paid"),
        headings=(_("Installment"), _("Due"), _("Amount")),
        rows=tuple(
            (
                _("Deposit") if line.is_deposit else str(number(line.number)),
                formats.short_day(line.due_on, language()),
                amount_text(line.amount, payment.currency),
            )
            for line in lines
        ),
        widths=(0.3, 0.45, 0.25),
        amounts=frozenset({2}),
        foot=("", _("Total"), amount_text(payment.amount, payment.currency)),
    )


def _document(
    *,
    sender: str,
    support: str,
    title: str,
    about: str,
    figure: str,
    facts: tuple[tuple[str, str], ...],
    tables: tuple[Table, ...],
    plan: PlanView,
) -> Document:
    """What all documents share: language, the plan's stick, whom to ask, and the words of their feet."""
    drawn, words = plan_picture(plan)
    return Document(
        language=language().replace("_", "-"),
        direction=formats.direction(language()),
        sender=sender,
        title=title,
        about=about,
        figure=figure,
        facts=facts,
        tables=tables,
        closing=(_("Questions? Ask %(shop)s at %(email)s.", shop=sender, email=support),),
        page=_("Page %(number)s of %(count)s", number="{number}", count="{count}"),
        digits=formats.digits("0123456789", language()),
        missing=_(
            "A box marks a character that this document's font does not support. It is shown correctly on the website."
        ),
        stick=drawn,
        stick_words=words,
    )


def _answer(document: Document, name: str) -> Response:
    response = make_response(pdf.draw(document))
    response.mimetype = "application/pdf"
    response.headers["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    return response
