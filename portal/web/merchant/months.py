"""The bookkeeper's month: how the receivable and the cash came about, and page by page the postings of each figure."""

from __future__ import annotations

import re
from datetime import date

from flask import render_template, url_for
from flask_babel import gettext as _

from portal.core.calendar import business_date
from portal.core.errors import NotFound
from portal.core.periods import MONTH, month_of
from portal.core.roles import Permission
from portal.extensions import db, now
from portal.presentation import formats
from portal.presentation.i18n import language
from portal.queries import metrics
from portal.queries.metrics import FIGURES
from portal.web.guards import actor, requires

from .numbers import cursor, cursor_text

YEARS = range(1900, 3000)


@requires(Permission.EXPORT)
def show(month: str) -> str:
    first = first_day(month)
    found = metrics.month(db.session, actor(), first)
    return render_template(
        "merchant/month.html",
        month=found,
        name=_name(first),
        last_day=min(metrics.days_of(first).last, _today()),
        month_key=month,
        figures=[(name, figure, found.figures[name]) for name, figure in FIGURES.items()],
        rows_url=lambda name: url_for("merchant.month_rows", month=month, figure=name),
        previous=_link(first - MONTH) if found.has_earlier else None,
        following=_link(first + MONTH),
    )


@requires(Permission.EXPORT)
def show_rows(month: str, figure: str) -> str:
    """The postings of one ``figure``, a page of them."""
    first = first_day(month)
    if figure not in FIGURES:
        raise NotFound()
    found = metrics.month_rows(
        db.session, actor(), first, figure, after=cursor("after"), before=cursor("before")
    )
    pages = {"after": found.next_after, "before": found.previous_before}
    next_url, previous_url = (
        place and url_for("merchant.month_rows", month=month, figure=figure, **{way: cursor_text(place)})
        for way, place in pages.items()
    )
    return render_template(
        "merchant/month_rows.html",
        month=metrics.month(db.session, actor(), first),
        name=_name(first),
        figure=figure,
        title=_(FIGURES[figure].title),
        found=found,
        back=url_for("merchant.month", month=month),
        next_url=next_url,
        previous_url=previous_url,
    )


def latest() -> list[tuple[str, str]]:
    """The names and addresses of this month and the one before it."""
    first = month_of(_today())
    return [link for link in (_link(first), _link(first - MONTH)) if link]


def first_day(month: str) -> date:
    """The first day of a month as its address names it, such as 2026-12. Raises ``NotFound`` for one still ahead."""
    if re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", month, re.ASCII):
        first = date(max(int(month[:4]), 1), int(month[5:]), 1)
        if first.year in YEARS and first <= _today():
            return first
    raise NotFound()


def _today() -> date:
    return business_date(now(), actor().timezone)


def _link(first: date) -> tuple[str, str] | None:
    """A month's name and address, if it has begun."""
    if first > _today() or first.year not in YEARS:
        return None
    return _name(first), url_for("merchant.month", month=f"{first:%Y-%m}")


def _name(first: date) -> str:
    return formats.month(first, language())
