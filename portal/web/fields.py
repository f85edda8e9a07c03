"""Form fields that read numbers and days strictly; what they refuse stays in the field as it was typed."""

from __future__ import annotations

import re

from flask_babel import gettext as _
from wtforms import DateField, Form, IntegerField, StringField, ValidationError

from portal.core.errors import InvalidInput
from portal.core.money import parse_amount
from portal.presentation.i18n import error_text


class WholeNumberField(IntegerField):
    """An integer from 0 up in ASCII digits: Python reads "1_0" and "٣" as numbers, a person might not."""

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        if valuelist:
            text = valuelist[0].strip()
            if not re.fullmatch(r"[0-9]{1,15}", text):
                raise ValueError(_("Enter a whole number, such as 3."))
            self.data = int(text)


class DayField(DateField):
    """A plain date, as a browser's date field sends it."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError(_("Enter a date, such as 2026-12-31.")) from None


class AmountField(StringField):
    """An amount in the ``currency`` of its form, kept as it was typed; ``minor`` is what it comes to in minor units."""

    minor: int | None = None

    def pre_validate(self, form: Form) -> None:
        try:
            self.minor = parse_amount(self.data or "", form.currency, self.name)
        except InvalidInput as invalid:
            raise ValidationError(error_text(invalid.errors[self.name])) from None
