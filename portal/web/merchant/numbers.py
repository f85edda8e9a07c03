"""The page behind a number: what it means, what it is now, and page by page the rows that add up to it."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from flask import render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core.errors import NotFound
from portal.core.periods import Period
from portal.core.roles import Role
from portal.extensions import db, now
from portal.queries import metrics
from portal.queries.metrics import NUMBERS, Cursor, Dashboard, RowPage, Unit
from portal.web.charts import Chart, Point
from portal.web.guards import actor, requires

from . import charts
from .figures import choices, chosen_period, figure, number_url, span_in_words

# These depend on the period that is chosen.
OF_PERIOD = ("revenue", "outstanding", "overdue_new", "success_rate_due", "on_time_rate_due")
# The rows of these are of money that moved; of all others, of installments that are due.
OF_CASH = ("total_revenue", "revenue", "takings")
# The labels of rows that count in a rate, and of those that do not.
ON_TIME = (_l("On time"), _l("Not on time"))
PAID = (_l("Paid"), _l("Late"))
RATES = {
    "success_rate": PAID,
    "success_rate_due": PAID,
    "on_time_rate": ON_TIME,
    "on_time_rate_due": ON_TIME,
    "on_time_by_month": ON_TIME,
}


@requires(Role.MERCHANT)
def show(name: str) -> str:
    """The number ``name`` for the ``period`` in the address; of a series the rows of one ``part`` if it is chosen."""
    if name not in NUMBERS:
        raise NotFound()
    number, period = NUMBERS[name], chosen_period()
    numbers = metrics.dashboard(db.session, actor(), now(), period)
    chart, point = _series(name, numbers)
    found = None if chart and not point else _rows(name, period, point)
    where: dict[str, Any] = {"part": point.name} if point else {}
    return render_template(
        "merchant/number.html",
        name=name,
        number=number,
        numbers=numbers,
        unit=_unit(name),
        figure=None if chart else figure(name, numbers),
        chart=chart,
        point=point,
        found=found,
        choices=choices(period, "merchant.number", name=name) if name in OF_PERIOD else [],
        span=span_in_words(numbers),
        period=period,
        rate=RATES.get(name),
        in_money=name not in RATES and number.unit is not Unit.COUNT,
        of_cash=name in OF_CASH,
        all_parts=number_url(name, period) if point else None,
        next_url=_page(name, period, where, "after", found and found.next_after),
        previous_url=_page(name, period, where, "before", found and found.previous_before),
        back=url_for("merchant.dashboard", period=period),
    )


def _series(name: str, numbers: Dashboard) -> tuple[Chart | None, Point | None]:
    """A series' chart and the selected point. Raises ``NotFound`` for an unknown one."""
    part = request.args.get("part")
    if name not in charts.CHARTS:
        if part is not None:
            raise NotFound()
        return None, None
    chart = charts.CHARTS[name](numbers)
    if part is None:
        return chart, None
    names = [point.name for point in chart.points]
    if part not in names:
        raise NotFound()
    return chart.marking(names.index(part)), chart.points[names.index(part)]


def _rows(name: str, period: Period, point: Point | None) -> RowPage:
    after, before = _cursor("after"), _cursor("before")
    return metrics.rows(
        db.session, actor(), now(), name, period, part=point and point.name, after=after, before=before
    )


def _cursor(way: str) -> Cursor | None:
    """The cursor that ``_page`` wrote into an address; None means the first page."""
    day, _separator, row = request.args.get(way, "").partition("_")
    try:
        return date.fromisoformat(day), UUID(row)
    except ValueError:
        return None


def _page(name: str, period: Period, where: dict[str, Any], way: str, place: Cursor | None) -> str | None:
    return number_url(name, period, **where, **{way: f"{place[0]}_{place[1]}"}) if place else None


def _unit(name: str) -> str:
    unit = Unit.PERCENT if name in RATES else NUMBERS[name].unit
    words = {
        Unit.MONEY: _("Amount in %(currency)s", currency=actor().currency),
        Unit.COUNT: _("Number of installments"),
        Unit.PERCENT: _("Percentage of installments"),
        Unit.SERIES: _("Amounts in %(currency)s", currency=actor().currency),
    }
    return words[unit]
