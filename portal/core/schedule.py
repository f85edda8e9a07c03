"""A plan's schedule: amounts and due dates from the total, the count, the frequency and the first date."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from dateutil.relativedelta import relativedelta

from .errors import N_, Faults, collecting
from .money import MAX_AMOUNT, check_amount, decimal_text, split

# The day of each month on which installments can be due: one that every month has, or its last.
LAST = "last"
MONTH_DAYS = (*(str(day) for day in range(1, 29)), LAST)

MAX_INSTALLMENTS = 60
YEARS_BACK = 5
YEARS_AHEAD = 10


class Frequency(StrEnum):
    WEEKLY = "weekly"
    BIWEEKLY = "biweekly"
    MONTHLY = "monthly"
    OWN = "own"


class FirstDue(StrEnum):
    """What the first due date depends on: it is a date, or follows the day of acceptance."""

    DATE = "date"
    ACCEPTANCE = "acceptance"


class Kind(StrEnum):
    DEPOSIT = "deposit"
    INSTALLMENT = "installment"


PERIODS = {
    Frequency.WEEKLY: relativedelta(weeks=1),
    Frequency.BIWEEKLY: relativedelta(weeks=2),
    Frequency.MONTHLY: relativedelta(months=1),
}


@dataclass(frozen=True, slots=True)
class Line:
    """Installment ``number`` (from 1): ``amount`` minor units, due on a plain date.

    A date that follows the acceptance has its rule in ``due``, and is written out for the day of sending.
    """

    number: int
    amount: int
    due_on: date
    kind: str = Kind.INSTALLMENT
    due: str = ""


def due_dates(
    first: date, frequency: Frequency, count: int, month_day: str | None = None
) -> tuple[date, ...]:
    """``count`` due dates, each counted from ``first`` (never chained) and clamped to the month's end.

    With ``month_day``, one of ``MONTH_DAYS``, they are that day of each month, from ``first`` on.
    """
    if month_day is None:
        return tuple(first + PERIODS[frequency] * k for k in range(count))
    on_day = relativedelta(day=31 if month_day == LAST else int(month_day))
    start = first if first + on_day >= first else first + relativedelta(months=1)
    return tuple(start + relativedelta(months=k) + on_day for k in range(count))


def due_if_accepted(number: int, frequency: Frequency, day: date) -> date:
    """When installment ``number`` of a plan whose dates follow the acceptance is due, if that is on ``day``.

    The first line, a deposit or not, is due on the day itself.
    """
    return day + PERIODS[frequency] * (number - 1) if number > 1 else day


ON_ACCEPTANCE = "on acceptance"
_AFTER = re.compile(r"(\d{1,3}) (week|month)s? after acceptance")


def rule_of(number: int, frequency: Frequency) -> str:
    """The rule of ``due_if_accepted`` in the words of the terms, such as "2 months after acceptance"."""
    if number == 1:
        return ON_ACCEPTANCE
    periods = (number - 1) * (2 if frequency is Frequency.BIWEEKLY else 1)
    unit = "month" if frequency is Frequency.MONTHLY else "week"
    return f"{periods} {unit}{'s' if periods > 1 else ''} after acceptance"


def due_by(rule: str, accepted_on: date) -> date:
    """The due date that a rule of ``rule_of`` gives. Raises ``ValueError`` for other words."""
    if rule == ON_ACCEPTANCE:
        return accepted_on
    found = _AFTER.fullmatch(rule)
    if not found:
        raise ValueError(f"no rule of a due date: {rule}")
    return accepted_on + relativedelta(**{f"{found[2]}s": int(found[1])})


def is_early(due_on: date, today: date, frequency: str) -> bool:
    """Whether paying today is more than a period early; dates of their own count as a month apart."""
    return due_on > today + PERIODS.get(Frequency(frequency), PERIODS[Frequency.MONTHLY])


def _span(today: date) -> tuple[date, date]:
    """The days between which a due date of a new plan may lie."""
    return today - relativedelta(years=YEARS_BACK), today + relativedelta(years=YEARS_AHEAD)


@dataclass(frozen=True, slots=True)
class ScheduleRequest:
    """The schedule that a shop asks for: ``total`` minor units in ``count`` installments.

    Without a ``first`` date the dates follow the acceptance. A ``deposit``, in minor units, comes before the
    installments and is due on the day of acceptance.
    """

    total: int
    currency: str
    count: int
    frequency: Frequency
    first: date | None
    deposit: int | None = None
    month_day: str | None = None


def build_schedule(asked: ScheduleRequest, today: date) -> tuple[Line, ...]:
    """The schedule of a new plan that is sent ``today``.

    Raises one ``InvalidInput`` naming every field at fault: ``total_amount``, ``deposit``, ``num_installments``,
    ``start_date``, ``day_of_month``.
    """
    rest = asked.total - (asked.deposit or 0)
    with collecting() as faults:
        with faults.caught():
            check_amount(asked.total, asked.currency)
        _check_deposit(faults, asked.deposit, asked.total)
        most = MAX_INSTALLMENTS - (asked.deposit is not None)
        if not 1 <= asked.count <= most:
            faults.add("num_installments", N_("Choose 1 to %(most)s installments."), most=most)
        elif not faults.errors and rest < asked.count:
            faults.add(
                "total_amount",
                N_("%(total)s cannot be split into %(count)s installments: each must be above zero."),
                total=decimal_text(rest, asked.currency),
                count=asked.count,
            )
        _check_first(faults, asked, today)
    amounts = split(rest, asked.count)
    if asked.first is None:
        return _after_acceptance(amounts, asked, today)
    dates = due_dates(asked.first, asked.frequency, asked.count, asked.month_day)
    return _with_deposit(asked.deposit, tuple(zip(amounts, dates, strict=True)), today)


def _check_deposit(faults: Faults, deposit: int | None, total: int) -> None:
    if deposit is not None and not 0 < deposit < total:
        faults.add("deposit", N_("A deposit is above zero and below the total."))


def _check_first(faults: Faults, asked: ScheduleRequest, today: date) -> None:
    """The first date is within the years that a plan may have, and after that of a deposit."""
    earliest, latest = _span(today)
    if asked.month_day is not None and asked.month_day not in MONTH_DAYS:
        faults.add("day_of_month", N_("Choose a day from 1 to 28, or the last."))
    elif asked.month_day is not None and (asked.first is None or asked.frequency is not Frequency.MONTHLY):
        faults.add("day_of_month", N_("A day of the month needs a first date and installments every month."))
    if asked.first is None:
        return
    if not earliest <= asked.first <= latest:
        faults.add(
            "start_date",
            N_("Choose a first due date from %(earliest)s to %(latest)s."),
            earliest=earliest.isoformat(),
            latest=latest.isoformat(),
        )
    elif asked.deposit is not None and asked.first <= today:
        faults.add("start_date", AFTER_DEPOSIT)


AFTER_DEPOSIT = N_("The deposit is due first: choose a date after today.")


def _after_acceptance(amounts: Sequence[int], asked: ScheduleRequest, today: date) -> tuple[Line, ...]:
    all_of = [asked.deposit, *amounts] if asked.deposit is not None else amounts
    return tuple(
        Line(
            number,
            amount,
            due_if_accepted(number, asked.frequency, today),
            _kind(number, asked.deposit),
            rule_of(number, asked.frequency),
        )
        for number, amount in enumerate(all_of, start=1)
    )


def _with_deposit(deposit: int | None, wanted: Sequence[tuple[int, date]], today: date) -> tuple[Line, ...]:
    """The lines of fixed dates, after the deposit if there is one."""
    first = () if deposit is None else (Line(1, deposit, today, Kind.DEPOSIT, ON_ACCEPTANCE),)
    return first + tuple(Line(number, *line) for number, line in enumerate(wanted, start=len(first) + 1))


def _kind(number: int, deposit: int | None) -> Kind:
    return Kind.DEPOSIT if deposit is not None and number == 1 else Kind.INSTALLMENT


def own_schedule(
    total: int, currency: str, wanted: Sequence[tuple[int, date]], today: date, deposit: int | None = None
) -> tuple[Line, ...]:
    """The schedule of a new plan whose amounts, in minor units, and due dates were chosen one by one.

    Raises one ``InvalidInput`` naming every fault: at ``total_amount``, ``deposit``, at ``installments``, and within a
    line, counted from 0, at ``installments.<n>.amount`` and ``installments.<n>.due_date``.
    """
    most = MAX_INSTALLMENTS - (deposit is not None)
    with collecting() as faults:
        with faults.caught():
            check_amount(total, currency)
        _check_deposit(faults, deposit, total)
        if not 1 <= len(wanted) <= most:
            faults.add("installments", N_("Choose 1 to %(most)s installments."), most=most)
        else:
            check_lines(faults, wanted, *_span(today))
            if deposit is not None and wanted[0][1] <= today:
                faults.add("installments.0.due_date", AFTER_DEPOSIT)
            left = left_to_place(total, deposit, wanted)
            if left and not faults.errors:
                words = (
                    N_("%(amount)s still to be assigned.")
                    if left > 0
                    else N_("%(amount)s more than the total.")
                )
                faults.add("installments", words, amount=decimal_text(abs(left), currency))
    return _with_deposit(deposit, wanted, today)


def left_to_place(total: int, deposit: int | None, wanted: Sequence[tuple[int, date]]) -> int:
    """Minor units of the total that no line has yet; below zero if the lines have more."""
    return total - (deposit or 0) - sum(amount for amount, _ in wanted)


def check_lines(faults: Faults, wanted: Sequence[tuple[int, date]], earliest: date, latest: date) -> None:
    """Each amount is above zero, and each date after the one before it and between these two."""
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
