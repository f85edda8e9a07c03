"""What the model remembers: shops, plans, their lines, payments and refunds, in plain Python and in memory."""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(eq=False)
class Shop:
    actor: Any
    zone: str
    books: Counter = field(default_factory=Counter)

    def today(self, now: datetime) -> date:
        return now.astimezone(ZoneInfo(self.zone)).date()


@dataclass(eq=False)
class Line:
    number: int
    amount: int
    due_on: date
    paid: int = 0
    cancelled: int = 0
    returned: int = 0
    paid_on: date | None = None
    stamped: bool = False
    payment: Payment | None = None

    @property
    def owed(self) -> int:
        return self.amount - self.paid - self.cancelled

    @property
    def held(self) -> bool:
        return self.payment is not None and self.payment.state == "processing"

    def late(self, today: date) -> bool:
        return self.owed > 0 and (self.stamped or self.due_on < today)


@dataclass(eq=False)
class Payment:
    plan: Plan
    lines: list[Line]
    card: str
    made_at: datetime
    state: str = "processing"
    number: int = 0
    heard: bool = False
    id: Any = None

    def __post_init__(self) -> None:
        self.amount = sum(line.owed for line in self.lines)


@dataclass(eq=False)
class Refund:
    """``back`` is what goes back by payment, newest first; ``heard`` what the provider answered, by payment."""

    plan: Plan
    amount: int
    cancelled: int
    back: dict[Payment, list[tuple[Line, int]]]
    made_at: datetime
    state: str = "processing"
    returned: int = 0
    heard: dict[Payment, str] = field(default_factory=dict)
    id: Any = None


@dataclass(eq=False)
class Plan:
    id: Any
    shop: Shop
    email: str
    lines: list[Line]
    last_day: date
    state: str = "offered"
    payments: list[Payment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)

    @property
    def owed(self) -> int:
        return sum(line.owed for line in self.lines)

    @property
    def processing(self) -> bool:
        return any(money.state == "processing" for money in [*self.payments, *self.refunds])

    def part_of_refundable(self, percent: int) -> int:
        """That part of what is refundable; 0 is nothing and 101 is more than there is."""
        most = self.owed + sum(line.paid - line.returned for line in self.lines)
        return most + 1 if percent == 101 else -(-most * percent // 100)

    def shown_state(self, today: date) -> str:
        return "expired" if self.state == "offered" and today > self.last_day else self.state

    def status(self, line: Line, today: date) -> str:
        state = self.shown_state(today)
        if state in ("declined", "revoked", "expired"):
            return "cancelled"
        if state == "offered":
            return "pending"
        if line.owed:
            return "late" if line.late(today) else "pending"
        return "paid" if line.paid else "cancelled"


@dataclass
class Provider:
    """How the provider behaves during one call."""

    unreachable: bool = False
    slow: bool = False
    declines_a_return: bool = False
    process_dies: str = ""  # "before" or "after" the provider has heard


def schedule(total: int, parts: int, first: date, frequency: str) -> list[Line]:
    """Equal parts, the first ones a unit larger, each due date counted from the first."""
    amounts = [total // parts + (k < total % parts) for k in range(parts)]
    return [Line(k + 1, amount, due(first, frequency, k)) for k, amount in enumerate(amounts)]


def due(first: date, frequency: str, k: int) -> date:
    if frequency != "monthly":
        return first + timedelta(days={"weekly": 7, "biweekly": 14}[frequency] * k)
    months = first.year * 12 + first.month - 1 + k
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(first.day, monthrange(year, month)[1]))
