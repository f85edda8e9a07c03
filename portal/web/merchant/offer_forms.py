"""The forms of an offer: one with a regular schedule, and one with lines of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import RadioField, SelectField
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired, ValidationError

from portal.core.calendar import OFFER_DAYS
from portal.core.errors import N_, InvalidInput
from portal.core.plan_templates import TEMPLATE_NAME_LONGEST, Template, clean_template_name
from portal.core.schedule import LAST, MAX_INSTALLMENTS, MONTH_DAYS, FirstDue, Frequency, left_to_place
from portal.presentation.i18n import error_text
from portal.services import offers
from portal.services.offers import Proposal
from portal.web.fields import AmountField, DayField, DepositField, EmailField, TextField, WholeNumberField
from portal.web.forms import KeyedForm
from portal.web.guards import actor

FREQUENCIES = {
    Frequency.WEEKLY: _l("Every week"),
    Frequency.BIWEEKLY: _l("Every two weeks"),
    Frequency.MONTHLY: _l("Every month"),
}
FIRST_DUE = {
    FirstDue.DATE: _l("On a date"),
    FirstDue.ACCEPTANCE: _l("When the customer accepts"),
}
MONTH_DAY_CHOICES = {"": _l("That of the first date")} | dict(zip(MONTH_DAYS, MONTH_DAYS, strict=True))
MONTH_DAY_CHOICES[LAST] = _l("The last")
_LINE = re.compile(r"lines-([0-9]{1,4})-(?:amount|due_date)")
# What a draft keeps; the idempotency key is none.
KEPT_FIELDS = (
    *("customer_email", "description", "total_amount", "deposit", "num_installments", "frequency"),
    *("first_due", "start_date", "day_of_month", "valid_days", "template_name", "lines-*"),
)


def choices_of(labels: Mapping[str, Any]) -> list[SelectChoice]:
    return [SelectChoice(value, label) for value, label in labels.items()]


class OfferForm(KeyedForm):
    customer_email = EmailField(_l("Customer's email address"))
    description = TextField(_l("What is sold"), longest=offers.DESCRIPTION_LONGEST)
    total_amount = AmountField(_l("Total amount"))
    deposit = DepositField(_l("Deposit"))
    valid_days = WholeNumberField(_l("Days to answer"), default=OFFER_DAYS)

    @property
    def currency(self) -> str:
        return actor().currency

    def validate_so_far(self, *names: str) -> bool:
        """Whether it is readable; those of these fields that are still empty are no fault yet."""
        self.validate()
        for field in self:
            if field.name in names and not (field.raw_data and field.raw_data[0]):
                field.errors = ()
        return not self.errors

    @property
    def schedule(self) -> list[Any]:
        """The fields that make the schedule, beside the total and the deposit."""
        raise NotImplementedError

    @property
    def left(self) -> int | None:
        """Minor units of the total that no line has yet; None where there is nothing to place."""
        return None

    def proposal(self) -> Proposal:
        """What a valid form asks for."""
        raise NotImplementedError

    def named(self, invalid: InvalidInput) -> InvalidInput:
        """The faults by the fields of this form."""
        return invalid

    @property
    def _days_to_answer(self) -> int | None:
        # Thirty is what it was before it could be chosen, so that a form sent then and again now is one offer.
        return None if self.valid_days.data == OFFER_DAYS else self.valid_days.data


class RegularForm(OfferForm):
    num_installments = WholeNumberField(
        _l("Number of installments"),
        default=3,
        validators=[InputRequired(_l("Enter a whole number, such as 3."))],
    )
    frequency = SelectField(
        _l("How often"),
        choices=choices_of(FREQUENCIES),
        default=Frequency.MONTHLY,
        validate_choice=False,
    )
    first_due = RadioField(
        _l("The first installment is due"),
        choices=choices_of(FIRST_DUE),
        default=FirstDue.DATE,
        validate_choice=False,
    )
    start_date = DayField(_l("First due date"))
    day_of_month = SelectField(
        _l("Day of the month"),
        choices=choices_of(MONTH_DAY_CHOICES),
        default="",
        validate_choice=False,
    )

    @property
    def schedule(self) -> list[Any]:
        first = [] if self.follows else [self.start_date]
        return [self.num_installments, *first, self.frequency]

    @property
    def follows(self) -> bool:
        """Whether the dates follow the acceptance."""
        return bool(self.first_due.data == FirstDue.ACCEPTANCE)

    template_name = TextField(_l("Name of the template"), longest=TEMPLATE_NAME_LONGEST)

    def template(self) -> Template:
        """What a valid form asks to save. Raises ``InvalidInput``."""
        if self.deposit.minor is not None and self.deposit.percent is None:
            raise InvalidInput.at("deposit", N_("A template has its deposit in percent, such as 20%."))
        by_day = self.frequency.data == Frequency.MONTHLY and not self.follows
        return Template(
            self.template_name.data,
            self.num_installments.data,
            Frequency(self.frequency.data),
            FirstDue(self.first_due.data),
            (self.day_of_month.data or None) if by_day else None,
            None if self.deposit.percent is None else int(self.deposit.percent * 100),
            self.valid_days.data,
        )

    def validate_template_name(self, field: TextField) -> None:
        """It may be empty, where nothing is saved."""
        try:
            if field.data:
                clean_template_name(field.data)
        except InvalidInput as invalid:
            raise ValidationError(error_text(invalid.errors[field.name])) from None

    def validate(self, extra_validators: Any = None) -> bool:
        """A date that is not asked for is not looked at."""
        super().validate(extra_validators)
        if self.follows:
            self.start_date.errors = self.day_of_month.errors = ()
        elif not (self.start_date.raw_data or self.start_date.errors):
            self.start_date.errors = (_("Enter a date, such as 2026-12-31."),)
        return not self.errors

    def validate_frequency(self, field: SelectField) -> None:
        if field.data not in FREQUENCIES:
            raise ValidationError(_("Choose how often from the list."))

    def validate_first_due(self, field: RadioField) -> None:
        if field.data not in FIRST_DUE:
            raise ValidationError(_("Choose one of these."))

    def proposal(self) -> Proposal:
        is_monthly = self.frequency.data == Frequency.MONTHLY
        return Proposal(
            self.customer_email.data,
            self.description.data,
            self.total_amount.minor,
            self.num_installments.data,
            offers.NO_DATE if self.follows else self.start_date.data,
            Frequency(self.frequency.data),
            self._days_to_answer,
            deposit=self.deposit.minor,
            first_due=FirstDue.ACCEPTANCE if self.follows else None,
            day_of_month=(self.day_of_month.data or None) if is_monthly and not self.follows else None,
        )


class OwnForm(OfferForm):
    """Amounts and dates, each with a field that ``offer_form`` adds."""

    numbers: tuple[int, ...] = ()

    @property
    def lines(self) -> list[tuple[AmountField, DayField]]:
        return [(self[f"lines-{n}-amount"], self[f"lines-{n}-due_date"]) for n in self.numbers]

    @property
    def schedule(self) -> list[Any]:
        return [field for line in self.lines for field in line]

    @property
    def typed_lines(self) -> list[tuple[str, str]]:
        return [(amount.data, (day.raw_data or [""])[0]) for amount, day in self.lines]

    @property
    def left(self) -> int | None:
        if self.total_amount.minor is None:
            return None
        placed = [(amount.minor or 0, day.data) for amount, day in self.lines]
        return left_to_place(self.total_amount.minor, self.deposit.minor, placed)

    def proposal(self) -> Proposal:
        lines = tuple((amount.minor, day.data) for amount, day in self.lines)
        return Proposal(
            self.customer_email.data,
            self.description.data,
            self.total_amount.minor,
            len(lines),
            lines[0][1] if lines else offers.NO_DATE,
            Frequency.OWN,
            self._days_to_answer,
            lines=lines,
            deposit=self.deposit.minor,
        )

    def named(self, invalid: InvalidInput) -> InvalidInput:
        """A service counts the lines that it was given."""
        names = {
            f"installments.{place}.{name}": f"lines-{n}-{name}"
            for place, n in enumerate(self.numbers)
            for name in ("amount", "due_date")
        }
        return InvalidInput({names.get(name, name): error for name, error in invalid.errors.items()})


def offer_form(
    formdata: Mapping[str, str] | None = None, given: Mapping[str, Any] | None = None
) -> OfferForm:
    """The form that this request sends, or one that has what is ``given``; which one, its frequency says."""
    given = given or {}
    typed = formdata if formdata is not None else (request.form or given)
    if typed.get("frequency") != Frequency.OWN:
        return RegularForm(formdata, data=given)
    found = {int(match[1]) for name in typed if (match := _LINE.fullmatch(name))}
    # One more than there may be, so that it is refused and not lost.
    numbers = tuple(sorted(found)[: MAX_INSTALLMENTS + 1])
    fields: dict[str, Any] = {"numbers": numbers}
    for place, n in enumerate(numbers, start=1):
        fields[f"lines-{n}-amount"] = AmountField(_("Amount of line %(number)s", number=place))
        fields[f"lines-{n}-due_date"] = DayField(
            _("Due date of line %(number)s", number=place),
            [InputRequired(_("Enter a date, such as 2026-12-31."))],
        )
    form: OfferForm = type("OwnFormOfLines", (OwnForm,), fields)(formdata, data=given)
    return form


def without_lines(fields: Mapping[str, str]) -> dict[str, str]:
    """What was typed beside the lines."""
    return {name: value for name, value in fields.items() if not _LINE.fullmatch(name)}


def fields_of(template: Template) -> dict[str, str]:
    """The fields of a regular schedule as the template fills them in; dates stay as they are typed."""
    percent = "" if template.deposit is None else f"{template.deposit / 100:g}%"
    return {
        "num_installments": str(template.num_installments),
        "frequency": template.frequency,
        "first_due": template.first_due,
        "day_of_month": template.day_of_month or "",
        "deposit": percent,
        "valid_days": str(template.valid_days),
    }
