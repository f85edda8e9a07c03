"""Form fields: bounded text, strictly parsed numbers and days; typed text is kept, cut if too long."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from typing import Any

from babel.core import get_global
from babel.numbers import get_territory_currencies
from flask_babel import gettext as _
from markupsafe import Markup, escape
from wtforms import DateField, Form, IntegerField, SelectField, StringField, ValidationError
from wtforms.widgets import EmailInput, PasswordInput, html_params

from portal.core.accounts import EMAIL_LONGEST, shown_email
from portal.core.calendar import time_zones
from portal.core.errors import InvalidInput
from portal.core.money import EXPONENTS, percent_of
from portal.core.passwords import LONGEST as PASSWORD_LONGEST
from portal.core.text import MOST_COMPOSED, MOST_KEPT, at_most, check_length
from portal.core.typed_amounts import read_amount, read_percent
from portal.presentation.formats import decimal_mark
from portal.presentation.i18n import error_text, language

LONGEST_NUMBER = 20


class TextField(StringField):
    """A line of at most ``longest`` characters. A field that was not sent is an empty one.

    A line that is much too long is cut: enough remains to refuse it, and the page shows its beginning.
    """

    data: Any

    def __init__(self, label: Any = None, validators: Any = None, *, longest: int, **options: Any) -> None:
        super().__init__(label, validators, **options)
        self.longest = longest

    def process_data(self, value: str | None) -> None:
        super().process_data(value or "")

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = at_most(valuelist[0], self.longest) if valuelist else self.data or ""

    def pre_validate(self, form: Form) -> None:
        try:
            check_length(self.data, self.name, self.longest * MOST_COMPOSED, shown=self.longest)
        except InvalidInput as invalid:
            raise ValidationError(error_text(invalid.errors[self.name])) from None

    def _value(self) -> str:
        """All of a line that can be shortened by hand, the beginning of one that is much too long."""
        text: str = self.data
        return text if len(text) <= self.longest * MOST_KEPT else text[: self.longest]


@cache
def _zone_options() -> str:
    """Each with the currency that is paid with there, where the portal has it, so that a script can choose both."""
    return "".join(
        f'<option{_currency_of(zone)} value="{escape(zone)}">{escape(zone)}</option>' for zone in time_zones()
    )


def _currency_of(zone: str) -> str:
    territory = get_global("zone_territories").get(zone)
    paid_with = get_territory_currencies(territory) if territory else []
    return f' data-currency="{paid_with[0]}"' if paid_with and paid_with[0] in EXPONENTS else ""


class ZoneField(SelectField):
    """A time zone. Its hundreds of choices are written once; the service checks the choice and words its error."""

    def __init__(self, label: Any = None, **options: Any) -> None:
        super().__init__(label, choices=time_zones(), validate_choice=False, default="", **options)

    def __call__(self, **attributes: Any) -> Markup:
        value = f'value="{escape(self.data)}">'
        options = _zone_options().replace(f" {value}", f" selected {value}")
        return Markup(f"<select {html_params(name=self.name, id=self.id, **attributes)}>{options}</select>")  # noqa: S704


class EmailField(TextField):
    """An address, shown as people write it whatever the spelling that is stored."""

    widget = EmailInput()

    def _value(self) -> str:
        return shown_email(super()._value())

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, longest=EMAIL_LONGEST, **options)


class PasswordField(TextField):
    """Never shown again; space around it counts."""

    widget = PasswordInput()

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, longest=PASSWORD_LONGEST, **options)

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = valuelist[0][: self.longest * MOST_KEPT + 1] if valuelist else ""


class KeyField(TextField):
    """A value that the page itself filled in: an idempotency key, a hash."""

    def __init__(self, validators: Any = None, *, longest: int = 255, **options: Any) -> None:
        super().__init__(None, validators, longest=longest, **options)


class WholeNumberField(IntegerField):
    """An integer from 0 up in ASCII digits: Python reads "1_0" and "٣" as numbers, a person might not."""

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        if valuelist:
            text = valuelist[0].strip()
            self.raw_data = [text[:LONGEST_NUMBER]]
            if not re.fullmatch(r"[0-9]{1,15}", text):
                raise ValueError(_("Enter a whole number, such as 3."))
            self.data = int(text)


class DayField(DateField):
    """A plain date, as a browser's date field sends it."""

    def process_formdata(self, valuelist: list[str]) -> None:
        self.raw_data = [text[:LONGEST_NUMBER] for text in valuelist[:1]]
        try:
            super().process_formdata(self.raw_data)
        except ValueError:
            raise ValueError(_("Enter a date, such as 2026-12-31.")) from None


class DepositField(TextField):
    """An amount, or so many percent of the form's total such as 20%; or nothing.

    ``minor`` is its value in minor units, and ``percent`` what was typed as such.
    """

    minor: int | None = None
    percent: Decimal | None = None

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, longest=40, **options)

    def pre_validate(self, form: Form) -> None:
        super().pre_validate(form)
        text, mark = self.data.strip(), decimal_mark(language())
        if not text:
            return
        try:
            self.percent = read_percent(text, self.name)
            if self.percent is None:
                self.minor = read_amount(text, form.currency, self.name, mark)
            elif form.total_amount.minor:
                self.minor = percent_of(form.total_amount.minor, self.percent)
        except InvalidInput as invalid:
            raise ValidationError(error_text(invalid.errors[self.name])) from None


class AmountField(TextField):
    """An amount in the ``currency`` of its form, kept as it was typed; ``minor`` is its value in minor units."""

    minor: int | None = None

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, longest=40, **options)

    def pre_validate(self, form: Form) -> None:
        super().pre_validate(form)
        try:
            self.minor = read_amount(self.data, form.currency, self.name, decimal_mark(language()))
        except InvalidInput as invalid:
            raise ValidationError(error_text(invalid.errors[self.name])) from None
