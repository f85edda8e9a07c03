"""The dashboard over the API: its model for the description, and its figures, which alone are JSON numbers."""

from __future__ import annotations

from typing import Any

from portal.core.money import to_decimal
from portal.core.periods import Period
from portal.queries.metrics import Dashboard as Numbers
from portal.queries.metrics import RatePoint

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


class Dashboard(Answer):
    """The merchant's numbers, the only figures that are JSON numbers; what they mean is in docs/numbers.md.

    Rates are percents, and null where there is nothing to count. What ends in _before is what a number is compared
    with, null for the period all.
    """

    total_revenue: float = shown(25.0)
    overdue_installments: int = shown(1)
    success_rate: float = shown(50.0, "Percent; 0 when there are none.")
    currency: str = shown("USD")
    period: Period = shown("30d")
    period_begins: Day | None = shown("2026-12-02", "Null for the period all.")
    revenue: float = shown(25.0)
    revenue_before: float | None = shown(0.0)
    outstanding: float = shown(75.0)
    outstanding_before: float | None = shown(100.0)
    overdue: float = shown(25.0)
    overdue_new: float = shown(25.0)
    success_rate_due: Rate = shown(50.0)
    success_rate_due_before: Rate = shown(None)
    on_time_rate: Rate = shown(50.0)
    on_time_rate_due: Rate = shown(50.0)
    on_time_rate_due_before: Rate = shown(None)
    aging: list[AgeGroup]
    expected: list[WeekFigure]
    schedule: list[MonthFigure]
    takings: list[MonthFigure]
    on_time_by_month: list[MonthRate]


def dashboard(numbers: Numbers) -> dict[str, Any]:
    """The figures as JSON numbers; the success rate of nothing at all is 0."""

    def money(amount: int) -> float:
        return float(to_decimal(amount, numbers.currency))

    def money_before(amount: int | None) -> float | None:
        return None if amount is None else money(amount)

    return {
        "total_revenue": money(numbers.total_revenue),
        "overdue_installments": numbers.overdue_installments,
        "success_rate": float(numbers.success_rate or 0),
        "currency": numbers.currency,
        "period": numbers.period,
        "period_begins": numbers.span.first.isoformat() if numbers.previous else None,
        "revenue": money(numbers.revenue),
        "revenue_before": money_before(numbers.revenue_before),
        "outstanding": money(numbers.outstanding),
        "outstanding_before": money_before(numbers.outstanding_before),
        "overdue": money(numbers.overdue),
        "overdue_new": money(numbers.overdue_new),
        **{name: rate(getattr(numbers, name)) for name in RATES},
        "aging": [
            {"days": group.days, "amount": money(group.amount), "installments": group.installments}
            for group in numbers.aging
        ],
        "expected": [{"week": p.on.isoformat(), "amount": money(p.amount)} for p in numbers.expected],
        "schedule": [{"month": p.on.isoformat(), "amount": money(p.amount)} for p in numbers.schedule],
        "takings": [{"month": p.on.isoformat(), "amount": money(p.amount)} for p in numbers.takings],
        "on_time_by_month": [month_rate(point) for point in numbers.on_time_by_month],
    }


RATES = [
    "success_rate_due",
    "success_rate_due_before",
    "on_time_rate",
    "on_time_rate_due",
    "on_time_rate_due_before",
]


def month_rate(point: RatePoint) -> dict[str, Any]:
    return {
        "month": point.on.isoformat(),
        "on_time": point.part,
        "due": point.whole,
        "rate": rate(point.rate),
    }


def rate(percent: Any) -> float | None:
    return None if percent is None else float(percent)
