"""A plan's schedule: amounts and due dates from the total, the count, the frequency and the first date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from dateutil.relativedelta import relativedelta

from .errors import N_, Faults, collecting
from .money import MAX_AMOUNT, check_amount, decimal_text, split

MAX_INSTALLMENTS = 60
YEARS_BACK = 5
YEARS_AHEAD = 10


class Frequency(StrEnum):
    WEEKLY = "weekly"
    BIWEEKLY = "biweekly"
    MONTHLY = "monthly"
    OWN = "own"


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


def _span(today: date) -> tuple[date, date]:
    """The days between which a due date of a new plan may lie."""
    return today - relativedelta(years=YEARS_BACK), today + relativedelta(years=YEARS_AHEAD)


def build_schedule(
    total: int, currency: str, count: int, first: date, frequency: Frequency, today: date
) -> tuple[Line, ...]:
    """The schedule of a new plan: ``total`` minor units in ``count`` lines from ``first`` on.

    Raises one ``InvalidInput`` naming every field at fault: ``total_amount``, ``num_installments``, ``start_date``.
    """
    earliest, latest = _span(today)
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


def own_schedule(
    total: int, currency: str, wanted: Sequence[tuple[int, date]], today: date
) -> tuple[Line, ...]:
    """The schedule of a new plan whose amounts, in minor units, and due dates were chosen one by one.

    Raises one ``InvalidInput`` naming every fault: at ``total_amount``, at ``installments``, and within a line, counted
    from 0, at ``installments.<n>.amount`` and ``installments.<n>.due_date``.
    """
    with collecting() as faults:
        with faults.caught():
            check_amount(total, currency)
        if not 1 <= len(wanted) <= MAX_INSTALLMENTS:
            faults.add("installments", N_("Choose 1 to %(most)s installments."), most=MAX_INSTALLMENTS)
        else:
            _check_lines(faults, wanted, today)
            left = total - sum(amount for amount, _ in wanted)
            if left and not faults.errors:
                words = N_("%(amount)s left to place.") if left > 0 else N_("%(amount)s more than the total.")
                faults.add("installments", words, amount=decimal_text(abs(left), currency))
    return tuple(Line(number, *line) for number, line in enumerate(wanted, start=1))


def _check_lines(faults: Faults, wanted: Sequence[tuple[int, date]], today: date) -> None:
    """Each amount is above zero, and each date after the one before it and within the years that a plan may have."""
    earliest, latest = _span(today)
    before: date | None = None
    for place, (amount, due_on) in enumerate(wanted):
        if not 0 < amount <= MAX_AMOUNT:
            faults.add(f"installments.{place}.amount", N_("Each amount must be above zero."))
        if not earliest <= due_on <= latest:
            faults.add(
                f"installments.{place}.due_date",
                N_("Choose a due date from %(earliest)s to %(latest)s."),
                earliest=earliest.isoformat(),
                latest=latest.isoformat(),
            )
        elif before and due_on <= before:
            faults.add(f"installments.{place}.due_date", N_("Choose a date after the one before it."))
        before = due_on
