"""What the forms of all pages share: text that is never absent, and a service's refusals beside their fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from portal.core.errors import InvalidInput

LONGEST_SEARCH = 100


class PageForm(FlaskForm):
    """A form that reads what a browser's form sends: text fields, and never files or JSON in their place."""

    def __init__(self, formdata: Mapping[str, str] | None = None, **given: Any) -> None:
        super().__init__(request.form if formdata is None and self.is_submitted() else formdata, **given)


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


def searched(name: str = "search") -> str:
    """What a list is asked to look for in its address; control characters and what is too long are left out."""
    text = "".join(c for c in request.args.get(name, "") if c.isprintable())
    return text.strip()[:LONGEST_SEARCH]
