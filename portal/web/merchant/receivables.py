"""What customers owed at the end of a day: by age, and page by page the installments that add up to it."""

from __future__ import annotations

from datetime import date

from flask import Response, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import ValidationError

from portal.core.calendar import business_date
from portal.core.roles import Role
from portal.extensions import db, now
from portal.queries import receivables
from portal.queries.metrics import Cursor
from portal.queries.receivables import NOT_DUE
from portal.web.fields import DayField
from portal.web.forms import PageForm
from portal.web.guards import actor, requires

from .exports import YEARS
from .figures import days_late
from .numbers import cursor, cursor_text


class AsOfForm(PageForm):
    as_of = DayField(_l("As of"))

    def validate_as_of(self, field: DayField) -> None:
        if field.data is None or field.data.year not in YEARS:
            raise ValidationError(_("Enter a date, such as 2026-12-31."))
        if field.data > business_date(now(), actor().timezone):
            raise ValidationError(_("This day is still ahead."))


@requires(Role.MERCHANT)
def show() -> Response:
    """The day is ``as_of`` in the address, else today where the shop is."""
    today = business_date(now(), actor().timezone)
    given = request.args if "as_of" in request.args else None
    form = AsOfForm(formdata=given, as_of=today, meta={"csrf": False})
    if given is not None and not form.validate():
        return _page(form, today, 422)
    return _page(form, form.as_of.data)


def _page(form: AsOfForm, as_of: date, status: int = 200) -> Response:
    found = page = None
    if status == 200:
        found = receivables.receivables(db.session, actor(), as_of)
        page = receivables.rows(db.session, actor(), as_of, after=cursor("after"), before=cursor("before"))
    body = render_template(
        "merchant/receivables.html",
        form=form,
        as_of=as_of,
        today=business_date(now(), actor().timezone),
        found=found,
        page=page,
        not_due=NOT_DUE,
        days_late=days_late,
        next_url=_url(as_of, "after", page and page.next_after),
        previous_url=_url(as_of, "before", page and page.previous_before),
    )
    return make_response(body, status)


def _url(as_of: date, way: str, place: Cursor | None) -> str | None:
    return url_for("merchant.receivables", as_of=as_of, **{way: cursor_text(place)}) if place else None
