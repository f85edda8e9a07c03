"""All numbers of a shop, and the page behind each: what it means, what it is now, and the rows that add up to it."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from flask import render_template, request, url_for
from flask_babel import gettext as _

from portal.core.errors import NotFound
from portal.core.periods import Period
from portal.core.roles import Role
from portal.extensions import db, now
from portal.queries import metrics
from portal.queries.metrics import NUMBERS, Cursor, Dashboard, Number, RowPage, Unit
from portal.web.charts import Chart, Point
from portal.web.guards import actor, requires

from . import charts
from .figures import (
    LOSSES,
    OF_ALL_TIME,
    OF_PERIOD,
    OF_TODAY,
    choices,
    chosen_period,
    figure,
    figures,
    number_url,
    span_in_words,
)


@requires(Role.MERCHANT)
def show_all() -> str:
    """Every number, who owes what is overdue, and the months' on-time rates."""
    period = chosen_period()
    numbers = metrics.dashboard(db.session, actor(), now(), period)
    losses = LOSSES if numbers.written_off or numbers.recovered else ()
    if numbers.previous:
        groups = {_("In the period"): OF_PERIOD + losses, _("Today"): OF_TODAY, _("All time"): OF_ALL_TIME}
    else:
        groups = {_("Today"): OF_TODAY, _("All time"): OF_ALL_TIME + losses}
    return render_template(
        "merchant/numbers.html",
        numbers=numbers,
        groups={title: figures(names, numbers) for title, names in groups.items()},
        choices=choices(period, ".numbers"),
        span=span_in_words(numbers),
        ages=charts.overdue_by_age(numbers),
        on_time=charts.on_time_by_month(numbers),
        debtors=metrics.debtors(db.session, actor(), now()),
        looked_at=metrics.LOOKED_AT,
    )


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
        unit=_unit(number),
        figure=None if chart else figure(name, numbers),
        chart=chart,
        point=point,
        found=found,
        choices=choices(period, "merchant.number", name=name) if number.of_period else [],
        span=span_in_words(numbers),
        period=period,
        outcomes=[_(outcome) for outcome in number.outcomes or ()],
        in_money=not number.outcomes and number.unit is not Unit.COUNT,
        of_cash=number.of_cash,
        posted=number.of_cash or number.posted,
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
    after, before = cursor("after"), cursor("before")
    return metrics.rows(
        db.session, actor(), now(), name, period, part=point and point.name, after=after, before=before
    )


def cursor(way: str) -> Cursor | None:
    """The cursor that ``cursor_text`` wrote into an address; None means the first page."""
    day, _separator, row = request.args.get(way, "").partition("_")
    try:
        return date.fromisoformat(day), UUID(row)
    except ValueError:
        return None


def _page(name: str, period: Period, where: dict[str, Any], way: str, place: Cursor | None) -> str | None:
    return number_url(name, period, **where, **{way: cursor_text(place)}) if place else None


def cursor_text(place: Cursor) -> str:
    return f"{place[0]}_{place[1]}"


def _unit(number: Number) -> str:
    if number.outcomes:
        return _("Percentage of installments")
    if number.unit is Unit.COUNT:
        return _("Number of installments")
    if number.is_series:
        return _("Amounts in %(currency)s", currency=actor().currency)
    return _("Amount in %(currency)s", currency=actor().currency)
