"""What the forms of all pages share: text that is never absent, and a service's refusals beside their fields."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_wtf import FlaskForm

from portal.core.errors import InvalidInput


def typed(text: str | None) -> str:
    """A filter for text fields (``filters=[typed]``): a field that was not sent is an empty one."""
    return text or ""


def add_errors(form: FlaskForm, invalid: InvalidInput) -> None:
    """Put each refusal into the field that it names; what names no field of this form is said about the whole form."""
    for name, error in invalid.errors.items():
        message = _(error.message, **error.params)
        if name in form:
            form[name].errors = [*form[name].errors, message]
        else:
            form.form_errors = [*form.form_errors, message]
