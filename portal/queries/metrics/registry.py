"""Every number by its name: its title and definition in words, its unit, and which rows add up to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from portal.core.errors import N_
from portal.core.periods import ReportingPeriod

from . import selections
from .selections import Selection


class Unit(StrEnum):
    """Money is in minor units; a percent has two decimals, and is None where there is nothing to count."""

    MONEY = "money"
    COUNT = "count"
    PERCENT = "percent"
    MONEY_BY_AGE = "money by age"
    MONEY_BY_WEEK = "money by week"
    MONEY_BY_MONTH = "money by month"
    PERCENT_BY_MONTH = "percent by month"


# How the pages name a row that counts in a rate, and one that does not.
PAID = (N_("Paid"), N_("Not paid"))
ON_TIME = (N_("On time"), N_("Not on time"))


@dataclass(frozen=True, slots=True)
class Number:
    """``select`` chooses the rows behind it, whose values add up to an amount, a count or a series.

    The rows are money that moved where it is ``of_cash``, other postings where it is ``posted``, else installments. A
    percent is the sum of their values out of their number, and each has one of the two ``outcomes``.
    What depends on the period that is chosen is ``of_period``; what is ``compared`` has a value ``..._before``, and
    ``rise_is_good`` says how a change is coloured, if at all.
    """

    name: str
    title: str
    definition: str
    unit: Unit
    select: Callable[[ReportingPeriod], Selection]
    outcomes: tuple[str, str] | None = None
    of_cash: bool = False
    posted: bool = False
    of_period: bool = False
    compared: bool = False
    rise_is_good: bool | None = None

    @property
    def is_series(self) -> bool:
        return " by " in self.unit


NUMBERS = {
    number.name: number
    for number in (
        Number(
            "total_revenue",
            N_("Total revenue"),
            N_("Cash received, recoveries included, less what was reversed or returned, all time."),
            Unit.MONEY,
            selections.revenue,
            of_cash=True,
        ),
        Number(
            "revenue",
            N_("Revenue in the period"),
            N_(
                "Cash received, recoveries included, less what was reversed or returned, since the first day of the "
                "period. It is compared with the period of the same length before."
            ),
            Unit.MONEY,
            selections.revenue_of_period,
            of_period=True,
            compared=True,
            rise_is_good=True,
            of_cash=True,
        ),
        Number(
            "outstanding",
            N_("Outstanding"),
            N_(
                "What is owed on active plans today. It is compared with what was owed when the period began."
            ),
            Unit.MONEY,
            selections.owed,
            of_period=True,
            compared=True,
        ),
        Number(
            "overdue",
            N_("Overdue"),
            N_("The part of what is owed that is late."),
            Unit.MONEY,
            selections.overdue,
        ),
        Number(
            "overdue_installments",
            N_("Overdue installments"),
            N_("The number of installments that are owed and late."),
            Unit.COUNT,
            selections.overdue_installments,
        ),
        Number(
            "overdue_new",
            N_("Newly overdue"),
            N_("The part of what is overdue that fell due in the period."),
            Unit.MONEY,
            selections.overdue_of_period,
            of_period=True,
        ),
        Number(
            "moved",
            N_("Moved"),
            N_("The part of what is owed whose due date was changed by an amendment, late or not."),
            Unit.MONEY,
            selections.moved,
        ),
        Number(
            "success_rate",
            N_("Success rate"),
            N_("Installments paid, out of those paid, late or written off, of accepted plans."),
            Unit.PERCENT,
            selections.success,
            outcomes=PAID,
        ),
        Number(
            "success_rate_due",
            N_("Success rate in the period"),
            N_(
                "Installments paid by now, out of those paid, late or written off that fell due in the period, before "
                "today. It is compared with those that fell due in the period before, as they stand now."
            ),
            Unit.PERCENT,
            selections.success_of_period,
            outcomes=PAID,
            of_period=True,
            compared=True,
            rise_is_good=True,
        ),
        Number(
            "on_time_rate",
            N_("On-time rate"),
            N_(
                "Installments paid on or before their due date, out of those due before today. Cancelled ones, and "
                "those already due when the plan was accepted, are left out. Written-off ones count as not paid."
            ),
            Unit.PERCENT,
            selections.on_time,
            outcomes=ON_TIME,
        ),
        Number(
            "on_time_rate_due",
            N_("On-time rate in the period"),
            N_(
                "The on-time rate of the installments that fell due in the period, before today. It is compared with "
                "that of the period before."
            ),
            Unit.PERCENT,
            selections.on_time_of_period,
            outcomes=ON_TIME,
            of_period=True,
            compared=True,
            rise_is_good=True,
        ),
        Number(
            "written_off",
            N_("Written off"),
            N_("What the shop has stopped collecting since the first day of the period."),
            Unit.MONEY,
            selections.written_off,
            of_period=True,
            posted=True,
        ),
        Number(
            "recovered",
            N_("Recovered"),
            N_(
                "Cash received on written-off plans since the first day of the period, less what was reversed of it."
            ),
            Unit.MONEY,
            selections.recovered,
            of_period=True,
            of_cash=True,
        ),
        Number(
            "aging",
            N_("Overdue by age"),
            N_(
                "What is overdue, by how many days ago it was due. What was marked late before the shop's date went "
                "back counts among the newest."
            ),
            Unit.MONEY_BY_AGE,
            selections.aging,
        ),
        Number(
            "expected",
            N_("Expected by week"),
            N_(
                "What is owed, by the week in which it is due, for eight weeks that begin on Mondays. This week counts "
                "from today on."
            ),
            Unit.MONEY_BY_WEEK,
            selections.expected,
        ),
        Number(
            "schedule",
            N_("Schedule by month"),
            N_(
                "What is due under accepted plans, less what was cancelled, by month of the due date, for twelve "
                "months up to this one."
            ),
            Unit.MONEY_BY_MONTH,
            selections.schedule,
        ),
        Number(
            "received_by_month",
            N_("Received by month"),
            N_(
                "Cash received, recoveries included, less what was reversed or returned, by the month in which it "
                "moved, for twelve months up to this one."
            ),
            Unit.MONEY_BY_MONTH,
            selections.received_by_month,
            of_cash=True,
        ),
        Number(
            "on_time_by_month",
            N_("On-time rate by month of acceptance"),
            N_("The on-time rate of the plans accepted in each of the twelve months up to this one."),
            Unit.PERCENT_BY_MONTH,
            selections.on_time_by_month,
            outcomes=ON_TIME,
        ),
    )
}
