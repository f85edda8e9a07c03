"""Base classes of forms: text that is never None, a service's errors beside their fields, money forms."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from babel import Locale
from flask import request
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from wtforms.validators import InputRequired, Regexp

from portal.core.errors import InvalidInput, KeyReused
from portal.core.money import EXPONENTS
from portal.presentation.i18n import error_text, language

from .fields import KeyField, WholeNumberField

LONGEST_SEARCH = 100


class PageForm(FlaskForm):
    """A form that reads what a browser's form sends: text fields, and never files or JSON in their place."""

    def __init__(self, formdata: Mapping[str, str] | None = None, **given: Any) -> None:
        super().__init__(request.form if formdata is None and self.is_submitted() else formdata, **given)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Show an ``InvalidInput`` of the block at its fields, or above the form."""
        try:
            yield
        except InvalidInput as invalid:
            for name, error in invalid.errors.items():
                if name in self:
                    self[name].errors = list(dict.fromkeys([*self[name].errors, error_text(error)]))
                else:
                    self.form_errors.append(error_text(error))


class KeyedForm(PageForm):
    """A form that is safe to send twice: its hidden field is the idempotency key."""

    key = KeyField([Regexp(r"[!-~]{0,255}\Z")])

    @property
    def idempotency_key(self) -> str | None:
        return self.key.data or None

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Show also that it was sent before with other details; sent once more, it is a request of its own."""
        try:
            with super().collecting():
                yield
        except KeyReused:
            self.key.data = ""
            self.form_errors.append(
                _(
                    "You have already sent this form with other details, and those count. "
                    "What it says now has not been sent. Send it again if you want both."
                )
            )


class MoneyForm(KeyedForm):
    """A button that moves money: the form carries the amount that it showed, in minor units."""

    amount = WholeNumberField(validators=[InputRequired()])


def currency_choices() -> dict[str, str]:
    """The currencies by their codes, in the reader's language."""
    names = Locale.parse(language()).currencies
    return {code: f"{code} · {names[code]}" for code in EXPONENTS}


def searched(name: str = "search") -> str:
    """The search text in a list's address, without control characters, cut to its limit."""
    text = "".join(c for c in request.args.get(name, "")[: 10 * LONGEST_SEARCH] if c.isprintable())
    return unicodedata.normalize("NFC", text.strip()[:LONGEST_SEARCH])
