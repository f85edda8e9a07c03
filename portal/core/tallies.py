"""What one installment of an accepted plan adds to a merchant's numbers; knows no day but those of the installment."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class Standing:
    """How an installment stands: amounts in minor units, and the merchant's date on which it was paid."""

    amount: int
    due_on: date
    paid: int = 0
    cancelled: int = 0
    returned: int = 0
    paid_on: date | None = None

    @classmethod
    def of(cls, row: Any) -> Standing:
        """How a row of installments, or one with these columns, stands."""
        return cls(row.amount, row.due_on, row.paid, row.cancelled, row.returned, row.paid_on)


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over installments: minor units, and counts.

    ``judged_count`` are those that could be paid on time: not cancelled, nor already due when the plan was accepted.
    """

    revenue: int = 0
    scheduled: int = 0
    owed: int = 0
    owed_count: int = 0
    paid_count: int = 0
    judged_count: int = 0
    on_time_count: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Tally) -> Tally:
        return Tally(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __bool__(self) -> bool:
        return any(astuple(self))


def contribution(line: Standing, accepted_on: date) -> Tally:
    """What an installment adds once its plan is accepted. That plan is active exactly while something of it is owed."""
    owed = line.amount - line.paid - line.cancelled
    is_paid = not owed and line.paid > 0
    could_be_on_time = line.cancelled < line.amount and line.due_on >= accepted_on
    on_time = is_paid and line.paid_on is not None and line.paid_on <= line.due_on
    return Tally(
        revenue=line.paid - line.returned,
        scheduled=line.amount - line.cancelled,
        owed=owed,
        owed_count=int(owed > 0),
        paid_count=int(is_paid),
        judged_count=int(could_be_on_time),
        on_time_count=int(could_be_on_time and on_time),
    )
