"""The shop's series as charts: receipts beside the schedule, the weeks ahead, aging buckets, rates by month."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.presentation import formats
from portal.presentation.i18n import language
from portal.queries import metrics
from portal.queries.metrics import NUMBERS, AgeGroup, Dashboard, RatePoint
from portal.web.charts import Chart, Point, Value

from .figures import days_late, number_url


def received_beside_schedule(numbers: Dashboard) -> Chart:
    """Both series in one; a month leads to what was received in it."""
    received, schedule = received_by_month(numbers), schedule_by_month(numbers)
    both = zip(received.points, schedule.points, strict=True)
    return replace(
        received,
        title=_("Received and scheduled by month"),
        description=_("What was received, beside what was due under accepted plans in the same month."),
        series=((_("Received"), received.series[0][1]), (_("Schedule"), schedule.series[0][1])),
        points=tuple(replace(came, values=came.values + asked.values) for came, asked in both),
    )


def received_by_month(numbers: Dashboard) -> Chart:
    return _of_months("received_by_month", numbers, numbers.received_by_month)


def schedule_by_month(numbers: Dashboard) -> Chart:
    return _of_months("schedule", numbers, numbers.schedule)


def expected_by_week(numbers: Dashboard) -> Chart:
    url = _url_of_points("expected", numbers)
    points = tuple(
        Point(
            str(point.on),
            _day(point.on),
            _week(point.on),
            (_money(point.amount, numbers),),
            f"{url}{point.on}",
        )
        for point in numbers.expected
    )
    return _chart("expected", numbers, _("Week"), points, marked=0)


def overdue_by_age(numbers: Dashboard) -> Chart:
    points = tuple(_age(group, numbers) for group in numbers.aging)
    chart = _chart("aging", numbers, _("Overdue for"), points, marked=0)
    most = max(group.amount for group in numbers.aging)
    return replace(chart, most=_money(most, numbers)) if most else chart


def on_time_by_month(numbers: Dashboard) -> Chart:
    """The newest month with data is shown first."""
    url = _url_of_points("on_time_by_month", numbers)
    points = tuple(_rate(point, f"{url}{point.on}") for point in numbers.on_time_by_month)
    rated = [place for place, point in enumerate(points) if point.values[0].length is not None]
    chart = _chart("on_time_by_month", numbers, _("Accepted in"), points, (rated or [-1])[-1])
    return replace(chart, most=Value(100_00, formats.percent(Decimal(100), language(), places=0)))


# How each series of the registry is drawn.
CHARTS: dict[str, Callable[[Dashboard], Chart]] = {
    "aging": overdue_by_age,
    "expected": expected_by_week,
    "schedule": schedule_by_month,
    "received_by_month": received_by_month,
    "on_time_by_month": on_time_by_month,
}


def _chart(
    name: str, numbers: Dashboard, point_name: str, points: tuple[Point, ...], marked: int = -1
) -> Chart:
    number = NUMBERS[name]
    series = ((_(number.title), number_url(name, numbers.period)),)
    return Chart(_(number.title), _(number.definition), point_name, series, points, marked)


def _url_of_points(name: str, numbers: Dashboard) -> str:
    """Where the points of a series are, but for the day that ends it."""
    return f"{number_url(name, numbers.period)}&part="


def _of_months(name: str, numbers: Dashboard, amounts: tuple[metrics.Point, ...]) -> Chart:
    url = _url_of_points(name, numbers)
    points = tuple(
        Point(
            str(point.on),
            formats.short_month(point.on, language()),
            formats.month(point.on, language()),
            (_money(point.amount, numbers),),
            f"{url}{point.on}",
        )
        for point in amounts
    )
    return _chart(name, numbers, _("Month"), points)


def _age(group: AgeGroup, numbers: Dashboard) -> Point:
    count = ngettext("%(num)s installment", "%(num)s installments", group.installments)
    amount = _money(group.amount, numbers)
    shown = Value(amount.length, _("%(amount)s, %(installments)s", amount=amount.words, installments=count))
    short, label = formats.digits(group.days, language()), days_late(group.days)
    return Point(group.days, short, label, (shown,), number_url("aging", numbers.period, part=group.days))


def _rate(point: RatePoint, url: str) -> Point:
    words = _("nothing was due yet")
    if point.rate is not None:
        rate = formats.percent(point.rate, language())
        words = _("%(rate)s, %(part)s of %(whole)s", rate=rate, part=point.part, whole=point.whole)
    return Point(
        str(point.on),
        formats.short_month(point.on, language()),
        formats.month(point.on, language()),
        (Value(None if point.rate is None else int(point.rate * 100), words),),
        url,
    )


def _money(amount: int, numbers: Dashboard) -> Value:
    return Value(amount, formats.money(amount, numbers.currency, language()))


def _week(monday: date) -> str:
    return _("%(first)s to %(last)s", first=_day(monday), last=_day(monday + timedelta(days=6)))


def _day(day: date) -> str:
    return formats.day_of_month(day, language())
