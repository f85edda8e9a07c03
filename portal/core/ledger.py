"""The ledger's rules: accounts, the entries between them, and what each does to an installment's balance."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields, replace
from datetime import date
from enum import Enum, StrEnum
from typing import Any


class Account(StrEnum):
    RECEIVABLE = "receivable"
    SALES = "sales"
    CASH = "cash"
    REFUNDS = "refunds"
    WRITE_OFFS = "write_offs"
    RESCHEDULED = "rescheduled"
    OPENING = "opening"


class Entry(Enum):
    """The entries of an installment: the account debited, the account credited, and the sum that changes.

    ``sum_name`` is None where the entry is the installment's own ``amount``. ``sign`` is -1 for the one entry that
    lowers a sum: a recovery that is reversed.
    """

    DEBT_AGREED = (Account.RECEIVABLE, Account.SALES, None)
    PAYMENT_RECEIVED = (Account.CASH, Account.RECEIVABLE, "paid")
    PAYMENT_REVERSED = (Account.RECEIVABLE, Account.CASH, "reversed")
    DEBT_CANCELLED = (Account.REFUNDS, Account.RECEIVABLE, "cancelled")
    CASH_RETURNED = (Account.REFUNDS, Account.CASH, "returned")
    DEBT_WRITTEN_OFF = (Account.WRITE_OFFS, Account.RECEIVABLE, "written_off")
    DEBT_RECOVERED = (Account.CASH, Account.WRITE_OFFS, "recovered")
    RECOVERY_REVERSED = (Account.WRITE_OFFS, Account.CASH, "recovered", -1)
    DEBT_MOVED_AWAY = (Account.RESCHEDULED, Account.RECEIVABLE, "moved")
    DEBT_MOVED_HERE = (Account.RECEIVABLE, Account.RESCHEDULED, None)
    PAID_BEFORE = (Account.OPENING, Account.RECEIVABLE, "paid_before")

    def __init__(self, debit: Account, credit: Account, sum_name: str | None, sign: int = 1) -> None:
        self.debit, self.credit, self.sum_name, self.sign = debit, credit, sum_name, sign

    @property
    def moves_cash(self) -> bool:
        return Account.CASH in (self.debit, self.credit)

    @property
    def lowers_owed(self) -> bool:
        return self.credit is Account.RECEIVABLE

    @property
    def raises_owed(self) -> bool:
        """Whether something that was settled is owed again; the debt itself is the amount, which never changes."""
        return self.debit is Account.RECEIVABLE and self.sum_name is not None


# The one formula of what is owed; the generated column of the database is made from it.
OWED = "amount - paid_before - paid + reversed - cancelled - written_off - moved"
# What was paid and has stayed paid, returned or not.
SETTLED = "paid - reversed + paid_before"
SUMS = ("paid", "reversed", "returned", "cancelled", "written_off", "recovered", "moved", "paid_before")


@dataclass(frozen=True, slots=True)
class Balance:
    """An installment's amount and its sums in minor units, its due date, and the day on which it was wholly paid."""

    amount: int
    due_on: date
    paid: int = 0
    reversed: int = 0
    returned: int = 0
    cancelled: int = 0
    written_off: int = 0
    recovered: int = 0
    moved: int = 0
    paid_before: int = 0
    paid_on: date | None = None

    @classmethod
    def of(cls, row: Any) -> Balance:
        """The balance of a row of installments, or of one with these columns."""
        return cls(**{field.name: getattr(row, field.name) for field in fields(cls)})

    @property
    def owed(self) -> int:
        return (
            self.amount
            - self.paid_before
            - self.paid
            + self.reversed
            - self.cancelled
            - self.written_off
            - self.moved
        )

    @property
    def settled(self) -> int:
        return self.paid - self.reversed + self.paid_before

    @property
    def paid_by(self) -> date:
        """The day on which it was wholly paid; one that never comes while it is not."""
        return self.paid_on or date.max

    @property
    def is_paid(self) -> bool:
        return bool(is_paid(self))


def apply(balance: Balance, entry: Entry, amount: int, on: date | None = None) -> Balance:
    """The balance after an entry of ``amount`` minor units; a negative amount undoes the entry.

    ``on`` is the day on which the installment counts as paid, if this entry settles it. Raises ``ValueError`` for
    what the database refuses as well: a sum below zero, more paid than was owed, more returned than was paid.
    """
    after = balance
    if entry.sum_name is not None:
        moved = getattr(balance, entry.sum_name) + entry.sign * amount
        after = replace(balance, **{entry.sum_name: moved})
    if min(after.owed, *(getattr(after, name) for name in SUMS)) < 0:
        raise ValueError(f"{entry.name} of {amount} leaves less than nothing")
    if after.reversed + after.returned > after.paid or after.recovered > after.written_off:
        raise ValueError(f"{entry.name} of {amount} is more than there was")
    if entry.lowers_owed or entry.raises_owed:
        is_settled = not after.owed and after.settled > 0
        after = replace(after, paid_on=(balance.paid_on or on) if is_settled else None)
    return after


@dataclass(frozen=True, slots=True)
class Metrics:
    """What installments add to a merchant's numbers: minor units, and counts.

    ``rated_count`` are those that could be paid on time: neither cancelled nor moved away, nor already due when the
    plan was accepted.
    """

    revenue: int = 0
    scheduled: int = 0
    owed: int = 0
    written_off: int = 0
    recovered: int = 0
    owed_count: int = 0
    paid_count: int = 0
    written_off_count: int = 0
    rated_count: int = 0
    on_time_count: int = 0

    def __add__(self, other: Metrics) -> Metrics:
        return Metrics(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Metrics) -> Metrics:
        return Metrics(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __bool__(self) -> bool:
        return any(astuple(self))


# What installments add, said once for both who count: ``line`` is a ``Balance``, or the mapped class of installments,
# of which the same words make the expressions that the database counts by.


def amounts_of(line: Any) -> dict[str, Any]:
    """Minor units by the names of ``Metrics``."""
    return {
        "revenue": line.paid - line.reversed - line.returned + line.recovered,
        "scheduled": line.amount - line.cancelled - line.moved,
        "owed": line.owed,
        "written_off": line.written_off,
        "recovered": line.recovered,
    }


def counts_of(line: Any, accepted_on: Any) -> dict[str, Any]:
    """Whether it counts, by the names of ``Metrics``; ``accepted_on`` is its plan's."""
    return {
        "owed_count": line.owed > 0,
        "paid_count": is_paid(line),
        "written_off_count": is_written_off(line),
        "rated_count": is_rated(line, accepted_on),
        "on_time_count": is_rated(line, accepted_on) & is_on_time(line),
    }


def is_paid(line: Any) -> Any:
    """Nothing is owed because it was paid; what was written off or moved away was not."""
    return (line.owed == 0) & (line.settled > 0) & (line.written_off == 0) & (line.moved == 0)


def is_written_off(line: Any) -> Any:
    """Nothing is owed because the shop stopped collecting the rest."""
    return (line.owed == 0) & (line.written_off > 0)


def is_rated(line: Any, accepted_on: Any) -> Any:
    """It could be paid on time."""
    return (line.cancelled < line.amount) & (line.moved == 0) & (line.due_on >= accepted_on)


def is_on_time(line: Any) -> Any:
    return is_paid(line) & (line.paid_by <= line.due_on)


def metrics_for(balance: Balance, accepted_on: date) -> Metrics:
    """What an installment adds once its plan is accepted, on the day ``accepted_on``."""
    counts = {name: int(count) for name, count in counts_of(balance, accepted_on).items()}
    return Metrics(**amounts_of(balance), **counts)
