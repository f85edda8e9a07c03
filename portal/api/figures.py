"""The dashboard over the API: its model for the description, and its figures, which alone are JSON numbers.

Both follow the registry of numbers, so that a new number is in the answer as soon as it is defined there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import create_model

from portal.core.money import EXPONENTS
from portal.core.periods import Period
from portal.queries.metrics import NUMBERS, Point, RatePoint, Unit
from portal.queries.metrics import AgeGroup as Aged
from portal.queries.metrics import Dashboard as Numbers

from .answers import Answer, Day, shown

Rate = float | None


class AgeGroup(Answer):
    days: str = shown("1-30")
    amount: float = shown(25.0)
    installments: int = shown(1)


class WeekFigure(Answer):
    week: Day = shown("2026-12-28", "Its Monday.")
    amount: float = shown(25.0)


class MonthFigure(Answer):
    month: Day = shown("2026-12-01", "Its first day.")
    amount: float = shown(75.0)


class MonthRate(Answer):
    month: Day = shown("2026-11-01", "The first day of the month of acceptance.")
    on_time: int = shown(1)
    due: int = shown(2)
    rate: Rate = shown(50.0)


TYPES: dict[Unit, Any] = {
    Unit.MONEY: float,
    Unit.COUNT: int,
    Unit.PERCENT: Rate,
    Unit.MONEY_BY_AGE: list[AgeGroup],
    Unit.MONEY_BY_WEEK: list[WeekFigure],
    Unit.MONEY_BY_MONTH: list[MonthFigure],
    Unit.PERCENT_BY_MONTH: list[MonthRate],
}

# The values of the worked example, where 25.00 of 100.00 were paid and 25.00 are late; series show one point each.
EXAMPLES: dict[str, Any] = {
    "total_revenue": 25.0,
    "revenue": 25.0,
    "revenue_before": 0.0,
    "outstanding": 75.0,
    "outstanding_before": 100.0,
    "overdue": 25.0,
    "overdue_installments": 1,
    "overdue_new": 25.0,
    "moved": 0.0,
    "success_rate": 50.0,
    "success_rate_due": 50.0,
    "success_rate_due_before": None,
    "on_time_rate": 50.0,
    "on_time_rate_due": 50.0,
    "on_time_rate_due_before": None,
    "written_off": 0.0,
    "recovered": 0.0,
}


def _fields() -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for number in NUMBERS.values():
        kind = TYPES[number.unit]
        if number.is_series:
            fields[number.name] = (kind, shown([kind.__args__[0].example()], number.definition))
            continue
        # Programs have always read the success rate as a number: of nothing at all it is 0.
        plain = float if number.name == "success_rate" else kind
        fields[number.name] = (plain, shown(EXAMPLES[number.name], number.definition))
        if number.compared:
            before = shown(
                EXAMPLES[f"{number.name}_before"], "What it is compared with; null for the period all."
            )
            fields[f"{number.name}_before"] = (kind | None, before)
    return fields


class Reported(Answer):
    """The merchant's numbers, the only figures that are JSON numbers; what they mean is in docs/numbers.md.

    Rates are percents, and null where there is nothing to count.
    """

    currency: str = shown("USD")
    period: Period = shown("30d")
    period_begins: Day | None = shown("2026-12-02", "Null for the period all.")


Dashboard: type[Answer] = create_model("Dashboard", __base__=Reported, __doc__=Reported.__doc__, **_fields())


def dashboard(numbers: Numbers) -> dict[str, Any]:
    """The figures as JSON numbers; the success rate of nothing at all is 0."""

    unit = 10 ** EXPONENTS[numbers.currency]

    def money(amount: int | None) -> float | None:
        return None if amount is None else amount / unit

    def age(group: Aged) -> dict[str, Any]:
        return {"days": group.days, "amount": money(group.amount), "installments": group.installments}

    def week(point: Point) -> dict[str, Any]:
        return {"week": point.on, "amount": money(point.amount)}

    def month(point: Point) -> dict[str, Any]:
        return {"month": point.on, "amount": money(point.amount)}

    converters: dict[Unit, Callable[[Any], Any]] = {
        Unit.MONEY: money,
        Unit.COUNT: int,
        Unit.PERCENT: _rate,
        Unit.MONEY_BY_AGE: age,
        Unit.MONEY_BY_WEEK: week,
        Unit.MONEY_BY_MONTH: month,
        Unit.PERCENT_BY_MONTH: _rate_of_month,
    }
    figures: dict[str, Any] = {
        "currency": numbers.currency,
        "period": numbers.period,
        "period_begins": numbers.span.first if numbers.previous else None,
    }
    for number in NUMBERS.values():
        convert, value = converters[number.unit], getattr(numbers, number.name)
        figures[number.name] = [convert(point) for point in value] if number.is_series else convert(value)
        if number.compared:
            figures[f"{number.name}_before"] = convert(getattr(numbers, f"{number.name}_before"))
    figures["success_rate"] = figures["success_rate"] or 0.0
    return figures


def _rate_of_month(point: RatePoint) -> dict[str, Any]:
    return {
        "month": point.on,
        "on_time": point.part,
        "due": point.whole,
        "rate": _rate(point.rate),
    }


def _rate(percent: Any) -> float | None:
    return None if percent is None else float(percent)
