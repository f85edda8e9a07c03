"""A plan's schedule: amounts and due dates from the total, the count, the frequency and the first date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from dateutil.relativedelta import relativedelta

from .errors import N_, collecting
from .money import check_amount, decimal_text, split

MAX_INSTALLMENTS = 60
YEARS_BACK = 5
YEARS_AHEAD = 10


class Frequency(StrEnum):
    WEEKLY = "weekly"
    BIWEEKLY = "biweekly"
    MONTHLY = "monthly"


PERIODS = {
    Frequency.WEEKLY: relativedelta(weeks=1),
    Frequency.BIWEEKLY: relativedelta(weeks=2),
    Frequency.MONTHLY: relativedelta(months=1),
}


@dataclass(frozen=True, slots=True)
class Line:
    """Installment ``number`` (from 1): ``amount`` minor units, due on a plain date."""

    number: int
    amount: int
    due_on: date


def due_dates(first: date, frequency: Frequency, count: int) -> tuple[date, ...]:
    """``count`` due dates, each counted from ``first`` (never chained) and clamped to the month's end."""
    return tuple(first + PERIODS[frequency] * k for k in range(count))


def build_schedule(
    total: int, currency: str, count: int, first: date, frequency: Frequency, today: date
) -> tuple[Line, ...]:
    """The schedule of a new plan: ``total`` minor units in ``count`` lines from ``first`` on.

    Raises one ``InvalidInput`` naming every field at fault: ``total_amount``, ``num_installments``, ``start_date``.
    """
    earliest, latest = today - relativedelta(years=YEARS_BACK), today + relativedelta(years=YEARS_AHEAD)
    with collecting() as faults:
        with faults.caught():
            check_amount(total, currency)
        if not 1 <= count <= MAX_INSTALLMENTS:
            faults.add("num_installments", N_("Choose 1 to %(most)s installments."), most=MAX_INSTALLMENTS)
        elif not faults.errors and total < count:
            faults.add(
                "total_amount",
                N_("%(total)s cannot be split into %(count)s installments: each must be above zero."),
                total=decimal_text(total, currency),
                count=count,
            )
        if not earliest <= first <= latest:
            faults.add(
                "start_date",
                N_("Choose a first due date from %(earliest)s to %(latest)s."),
                earliest=earliest.isoformat(),
                latest=latest.isoformat(),
            )
    dates = due_dates(first, frequency, count)
    return tuple(
        Line(n, a, d) for n, (a, d) in enumerate(zip(split(total, count), dates, strict=True), start=1)
    )
