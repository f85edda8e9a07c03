"""Every component in every state on one page, for developers; not in production."""

from __future__ import annotations

from datetime import date

from flask import abort, current_app, render_template
from wtforms import BooleanField, EmailField, Form, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice

from portal.presentation import formats
from portal.web.charts import Chart, Point, Value
from portal.web.guards import public
from portal.web.merchant.figures import Change, Choice
from portal.web.words import STATES

# This page is for developers, so its words are plain English and no translator meets them.
WORDS = {
    "title": "Style guide",
    "lead": "Every component in every state, from the macros that the pages use.",
    "buttons": "Buttons",
    "busy": "Send offer",
    "link": "A link as a button",
    "badges": "States",
    "form": "Form",
    "hint": "A hint says what the field is for.",
    "wrong": "Form that was refused",
    "notices": "Notices and toasts",
    "figure": "Outstanding",
    "progress": "Progress",
    "sticks": "Sticks and the split edge",
    "panel": "What is next, and tabs",
    "next_to": "Next, to Oak & Ash",
    "when": "due Tuesday 1 December, in 3 days",
    "pay": "Pay $115.00",
    "oldest": "Only the oldest: $90.00",
    "tabs": "Tabs",
    "cards": "Table that becomes cards",
    "plan": "Plan",
    "amount": "Amount",
    "state": "State",
    "thing": "Oak dining table",
    "lines": "Schedule, one line a part",
    "number": "No.",
    "due": "Due",
    "total": "Total",
    "facts": "Facts",
    "reference": "Reference",
    "chart": "Chart",
    "received_by_month": "Received and schedule",
    "timeline": "Timeline",
    "dialog": "Dialog",
    "open": "Open dialog",
    "question": "Cancel what is still owed?",
    "empty": "Nothing yet",
}
BUTTONS = [("primary", "Primary"), ("secondary", "Secondary"), ("danger", "Danger"), ("quiet", "Quiet")]
NOTICES = [
    ("info", "For information", "The payment provider has not answered yet. Do not pay again."),
    ("success", "Success", "Thank you. $33.34 is paid."),
    (
        "warning",
        "Warning",
        "Two due dates are past: those installments are overdue as soon as it is accepted.",
    ),
    ("error", "Error", "Your card was declined. Nothing was charged. Try again, or choose another card."),
]
SCHEDULE = [
    (1, date(2026, 10, 4), 3334, "paid"),
    (2, date(2026, 11, 4), 3333, "late"),
    (3, date(2026, 12, 4), 3333, "pending"),
]
TIMELINE = [
    ("4 Oct 2026, 14:05 CEST", "$33.34 paid, receipt AB3DE5FG-1", "Robin Reed"),
    ("2 Oct 2026, 09:12 CEST", "Terms accepted", "Robin Reed"),
    ("1 Oct 2026, 18:40 CEST", "Offer sent", ""),
]
RECEIVED = [("Sep", 120_00, 100_00), ("Oct", 80_00, 110_00), ("Nov", 140_00, 125_00), ("Dec", -20_00, 90_00)]
CHANGES = [
    Change("up", True, "12.5%", "Up from $100.00"),
    Change("down", False, "2.50 points", "Down from 92.00%"),
    Change("up", None, "$50.00", "Up from $0.00"),
    Change("same", None, "", "Unchanged from $100.00"),
]


class Sample(Form):
    email = EmailField("Email")
    amount = StringField("Amount")
    frequency = SelectField(
        "How often", choices=[SelectChoice("weekly", "Every week"), SelectChoice("monthly", "Every month")]
    )
    note = TextAreaField("Note")
    role = RadioField(
        "Role", choices=[SelectChoice("merchant", "Merchant"), SelectChoice("customer", "Customer")]
    )
    agree = BooleanField("I have read and agree to these terms")


def show() -> str:
    if not (current_app.debug or current_app.testing or current_app.config["STYLEGUIDE"]):
        abort(404)
    return render_template(
        "styleguide.html",
        words=WORDS,
        form=Sample(role="merchant", amount="100.00"),
        wrong=_wrong(),
        buttons=BUTTONS,
        notices=NOTICES,
        states=list(STATES),
        schedule=SCHEDULE,
        today=date(2026, 11, 23),
        timeline=TIMELINE,
        chart=_chart(),
        changes=CHANGES,
        choices=[Choice("30 days", "#", True), Choice("All time", "#", False)],
    )


def _wrong() -> Sample:
    """The same form after it was refused."""
    form = Sample(prefix="wrong-", email="robin", amount="-5")
    form.email.errors = ["Enter an email address, such as name@example.com."]
    form.amount.errors = ["Enter an amount above zero, such as 250.00."]
    form.role.errors = ["Choose merchant or customer."]
    form.agree.errors = ["Tick the box to say that you have read and agree to these terms."]
    return form


def _chart() -> Chart:
    points = [
        Point(month, month, f"{month} 2026", (Value(got, _money(got)), Value(due, _money(due))), "#")
        for month, got, due in RECEIVED
    ]
    series = (("Received", None), ("Schedule", None))
    return Chart(
        WORDS["received_by_month"], "What came in beside what was due.", "Month", series, tuple(points)
    )


def _money(minor: int) -> str:
    return formats.money(minor, "USD", "en")


public(show)
