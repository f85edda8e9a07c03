"""The box by which a customer agrees to automatic payments, with the hash of the text that stands beside it."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField
from wtforms.validators import DataRequired

from portal.web.fields import KeyField
from portal.web.forms import PageForm


class AutopayForm(PageForm):
    agree = BooleanField(
        _l("I agree to these automatic payments"),
        validators=[DataRequired(_l("Tick the box to say that you agree to automatic payments."))],
    )
    text_hash = KeyField()
