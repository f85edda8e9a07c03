"""The journal of a month as a CSV file and as a Beancount file, and the shop's own numbers of its accounts."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Blueprint, Response, render_template, request, stream_with_context, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core.accounts import ACCOUNT_NUMBER_LONGEST
from portal.core.calendar import business_date
from portal.core.errors import N_, InvalidInput, NotFound
from portal.core.ledger import Account, Entry
from portal.core.money import Money, decimal_text
from portal.core.periods import month_of
from portal.core.roles import Permission
from portal.extensions import db, now, read_from_standby
from portal.queries import journal
from portal.queries.journal import JournalEntry
from portal.queries.metrics import days_of
from portal.services import accounts, events
from portal.services.transaction import unit_of_work
from portal.web import form_drafts
from portal.web.fields import TextField
from portal.web.forms import PageForm
from portal.web.guards import actor, origin, requires
from portal.web.rendering import done

from .exports import csv_lines
from .months import first_day

bp = Blueprint("merchant_journal", __name__, url_prefix="/merchant")

# What each entry is called, and where Beancount keeps each account.
ENTRIES = {
    Entry.DEBT_AGREED: N_("Plan accepted"),
    Entry.PAYMENT_RECEIVED: N_("Payment received"),
    Entry.PAYMENT_REVERSED: N_("Payment reversed"),
    Entry.DEBT_CANCELLED: N_("Debt cancelled"),
    Entry.CASH_RETURNED: N_("Money returned"),
    Entry.DEBT_WRITTEN_OFF: N_("Debt written off"),
    Entry.DEBT_RECOVERED: N_("Debt recovered"),
    Entry.RECOVERY_REVERSED: N_("Recovery reversed"),
    Entry.DEBT_MOVED_AWAY: N_("Debt moved to other installments"),
    Entry.DEBT_MOVED_HERE: N_("Debt moved from other installments"),
    Entry.PAID_BEFORE: N_("Paid before the plan was brought over"),
}
BEANCOUNT = {
    Account.RECEIVABLE: "Assets:Receivable",
    Account.CASH: "Assets:Cash",
    Account.RESCHEDULED: "Assets:Rescheduled",
    Account.OPENING: "Equity:Opening",
    Account.SALES: "Income:Sales",
    Account.REFUNDS: "Expenses:Refunds",
    Account.WRITE_OFFS: "Expenses:WriteOffs",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file: one side of a posting."""

    date: datetime.date
    account: str
    text: str
    debit: Money | None
    credit: Money | None
    reference: str
    receipt: str


@bp.get("/exports/journal.csv")
@requires(Permission.EXPORT)
def as_csv() -> Response:
    """Two lines for each posting of the month: its debit and its credit."""
    first = _month()
    numbers = journal.account_numbers(db.session, actor())
    batches = (_lines(batch, numbers) for batch in journal.entries(db.session, actor(), days_of(first)))
    return _file(csv_lines(Line, batches, actor().csv_separator), first, "csv", "text/csv")


@bp.get("/exports/journal.beancount")
@requires(Permission.EXPORT)
def as_beancount() -> Response:
    """The month's postings as transactions, after the accounts that they name."""
    first = _month()
    numbers = journal.account_numbers(db.session, actor())
    return _file(_beancount(first, numbers), first, "beancount", "text/plain")


def _month() -> datetime.date:
    """The first day of the month in the address, or of the current one."""
    for name in request.args.keys() - {"month"}:
        raise InvalidInput.at(name, N_("This export does not support that filter."))
    asked = request.args.get("month")
    if not asked:
        return month_of(business_date(now(), actor().timezone))
    try:
        return first_day(asked)
    except NotFound:
        raise InvalidInput.at(
            "month", N_("Enter a month that has begun, such as %(month)s."), month="2026-12"
        ) from None


def _file(text: Iterator[str], first: datetime.date, ending: str, mimetype: str) -> Response:
    name = f"journal-{first:%Y-%m}.{ending}"
    with unit_of_work(db.session):
        events.record_export(db.session, actor(), f"journal.{ending}", origin(), now())
    response = Response(stream_with_context(text), mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _lines(batch: list[JournalEntry], numbers: dict[str, str]) -> list[Line]:
    return [line for entry in batch for line in _both_sides(entry, numbers)]


def _both_sides(row: JournalEntry, numbers: dict[str, str]) -> tuple[Line, Line]:
    debit, credit = (numbers.get(account) or account for account in (row.entry.debit, row.entry.credit))
    text, rest = _text(row), (row.reference, row.receipt)
    return (
        Line(row.on, debit, text, row.amount, None, *rest),
        Line(row.on, credit, text, None, row.amount, *rest),
    )


def _text(row: JournalEntry) -> str:
    about = {"entry": _(ENTRIES[row.entry]), "what": row.description}
    if row.is_deposit:
        return _("%(entry)s: %(what)s, deposit", **about)
    return _("%(entry)s: %(what)s, installment %(number)s", number=row.number, **about)


def _beancount(first: datetime.date, numbers: dict[str, str]) -> Iterator[str]:
    yield f'option "title" {_quoted(actor().name)}\n'
    yield f'option "operating_currency" "{actor().currency}"\n\n'
    for account, name in BEANCOUNT.items():
        yield f"{first} open {name} {actor().currency}\n"
        if numbers.get(account):
            yield f"  number: {_quoted(numbers[account])}\n"
    read_from_standby()
    for batch in journal.entries(db.session, actor(), days_of(first)):
        # End the read here, so that a slow download holds no transaction open.
        db.session.rollback()
        for row in batch:
            yield _transaction(row)


def _transaction(row: JournalEntry) -> str:
    amount = decimal_text(row.amount.amount, row.amount.currency)
    receipt = f"  receipt: {_quoted(row.receipt)}\n" if row.receipt else ""
    return (
        f"\n{row.on} * {_quoted(_text(row))}\n"
        f"  reference: {_quoted(row.reference)}\n{receipt}"
        f"  {BEANCOUNT[row.entry.debit]}  {amount} {row.amount.currency}\n"
        f"  {BEANCOUNT[row.entry.credit]}  -{amount} {row.amount.currency}\n"
    )


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class AccountsForm(PageForm):
    """The field of an account has its name in the ledger."""

    receivable = TextField(_l("Receivable"), longest=ACCOUNT_NUMBER_LONGEST)
    sales = TextField(_l("Sales"), longest=ACCOUNT_NUMBER_LONGEST)
    cash = TextField(_l("Cash"), longest=ACCOUNT_NUMBER_LONGEST)
    refunds = TextField(_l("Refunds"), longest=ACCOUNT_NUMBER_LONGEST)
    write_offs = TextField(_l("Write-offs"), longest=ACCOUNT_NUMBER_LONGEST)
    rescheduled = TextField(_l("Rescheduled"), longest=ACCOUNT_NUMBER_LONGEST)
    opening = TextField(_l("Opening balance"), longest=ACCOUNT_NUMBER_LONGEST)


@bp.route("/settings/accounts", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
@form_drafts.preserve(*Account)
def account_numbers() -> Response | tuple[str, int]:
    known = journal.account_numbers(db.session, actor())
    form = AccountsForm(form_drafts.restore(), data=known)
    if form.is_submitted() and form.validate():
        with form.collecting():
            with unit_of_work(db.session):
                named = {account.value: form[account].data for account in Account}
                accounts.name_accounts(db.session, actor(), named, now())
            return done(url_for(".account_numbers"), _("Your account numbers are saved."))
    page = render_template("merchant/accounts.html", form=form, fields=[form[account] for account in Account])
    return page, 422 if form.errors else 200
