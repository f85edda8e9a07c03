"""The shop's numbers as text, each with its value of the period before; ``queries.metrics`` computes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from flask import request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core.periods import DateRange, Period
from portal.presentation import formats
from portal.presentation.i18n import language
from portal.presentation.i18n import number as in_digits
from portal.queries.metrics import NUMBERS, Dashboard, Number, Unit

PERIODS = {
    Period.DAYS_30: _l("30 days"),
    Period.DAYS_90: _l("90 days"),
    Period.MONTHS_12: _l("12 months"),
    Period.ALL: _l("All time"),
}
USUAL = Period.DAYS_30
NOTHING = "-"

# The dashboard's figures; of all time each of the period has a sister.
CARDS = ("revenue", "overdue", "outstanding", "on_time_rate_due")
CARDS_OF_ALL_TIME = ("total_revenue", "overdue", "outstanding", "on_time_rate")
# The page of all numbers, by what they count.
OF_PERIOD = ("revenue", "success_rate_due", "on_time_rate_due", "overdue_new")
OF_TODAY = ("outstanding", "overdue", "overdue_installments", "moved")
OF_ALL_TIME = ("total_revenue", "success_rate", "on_time_rate")
# Shown only where there was a loss.
LOSSES = ("written_off", "recovered")


@dataclass(frozen=True, slots=True)
class Change:
    """The change of a number: its direction (``up``, ``down``, ``same``), and whether that is good, if either.

    ``by`` is the distance in words, empty where it went nowhere.
    """

    way: str
    good: bool | None
    by: str
    words: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as text, and the address of its page; ``note`` is its small print, ``late`` money that is late."""

    title: str
    url: str
    shown: str
    change: Change | None
    note: str = ""
    late: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A period to choose, and its address on the page where it is offered."""

    title: str
    url: str
    chosen: bool


def chosen_period() -> Period:
    """The period in the page's address, or the default."""
    asked = request.args.get("period")
    return Period(asked) if asked in list(Period) else USUAL


def number_url(name: str, period: Period, **more: Any) -> str:
    return url_for("merchant.number", name=name, period=period, **more)


def choices(period: Period, endpoint: str, **where: Any) -> list[Choice]:
    return [
        Choice(str(title), url_for(endpoint, period=one, **where), one == period)
        for one, title in PERIODS.items()
    ]


def span_in_words(numbers: Dashboard) -> str:
    """The days of the period and those it is compared with; empty for all time."""
    if numbers.previous is None:
        return ""
    return _("%(days)s, compared with %(before)s.", days=_days(numbers.span), before=_days(numbers.previous))


def cards(numbers: Dashboard) -> list[Figure]:
    """The dashboard's figures in their order."""
    return figures(CARDS if numbers.previous else CARDS_OF_ALL_TIME, numbers)


def figures(names: Iterable[str], numbers: Dashboard) -> list[Figure]:
    return [figure(name, numbers) for name in names]


def figure(name: str, numbers: Dashboard) -> Figure:
    number = NUMBERS[name]
    value = getattr(numbers, name)
    shown = in_words(number.unit, value, numbers.currency)
    url = number_url(name, numbers.period)
    late = name == "overdue" and bool(value)
    return Figure(_(number.title), url, shown, _change(number, value, numbers), _note(name, numbers), late)


def _note(name: str, numbers: Dashboard) -> str:
    """What was moved stands beside what is overdue, so that the one cannot hide the other."""
    if name != "overdue" or not numbers.moved:
        return ""
    moved = in_words(NUMBERS["moved"].unit, numbers.moved, numbers.currency)
    return _("Moved to later days: %(amount)s", amount=moved)


def in_words(unit: Unit, value: Any, currency: str) -> str:
    if value is None:
        return NOTHING
    if unit is Unit.MONEY:
        return formats.money(value, currency, language())
    if unit is Unit.PERCENT:
        return formats.percent(value, language())
    return str(in_digits(value))


def _days(span: DateRange) -> str:
    return _("%(first)s to %(last)s", first=_day(span.first), last=_day(span.last))


def _day(day: date) -> str:
    return formats.short_day(day, language())


def _change(number: Number, value: Any, numbers: Dashboard) -> Change | None:
    before = getattr(numbers, f"{number.name}_before") if number.compared else None
    if before is None or value is None or not (value or before):
        return None
    then = in_words(number.unit, before, numbers.currency)
    if value == before:
        return Change("same", None, "", _("Unchanged from %(before)s", before=then))
    way = "up" if value > before else "down"
    words = _("Up from %(before)s", before=then) if way == "up" else _("Down from %(before)s", before=then)
    good = None if number.rise_is_good is None else number.rise_is_good is (way == "up")
    return Change(way, good, _distance(number.unit, value, before, numbers.currency), words)


def _distance(unit: Unit, value: Any, before: Any, currency: str) -> str:
    """The difference from the previous period: rates in points, amounts in percent where both are above zero."""
    apart = abs(value - before)
    if unit is Unit.PERCENT:
        return _("%(points)s points", points=formats.decimal(apart, language()))
    if before <= 0 or value < 0:
        return formats.money(apart, currency, language())
    return formats.percent(Decimal(100 * apart) / before, language(), places=1)


def days_late(days: str) -> str:
    """An aging bucket, such as "1-30", in words."""
    if days.endswith("+"):
        return _("%(days)s days or more", days=in_digits(int(days[:-1])))
    first, last = (in_digits(int(day)) for day in days.split("-"))
    return _("%(first)s to %(last)s days", first=first, last=last)
