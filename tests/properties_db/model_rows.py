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
    unit: int = 100  # minor units of one unit of its currency
    move_days: int = 0
    books: Counter = field(default_factory=Counter)

    def today(self, now: datetime) -> date:
        return now.astimezone(ZoneInfo(self.zone)).date()


@dataclass(eq=False)
class Line:
    number: int
    amount: int
    due_on: date
    paid: int = 0
    reversed: int = 0
    cancelled: int = 0
    returned: int = 0
    written_off: int = 0
    recovered: int = 0
    moved: int = 0
    stamped: bool = False
    payments: list[Payment] = field(default_factory=list)

    @property
    def owed(self) -> int:
        return self.amount - self.paid + self.reversed - self.cancelled - self.written_off - self.moved

    @property
    def lost(self) -> int:
        return self.written_off - self.recovered

    @property
    def settled(self) -> int:
        return self.paid - self.reversed

    @property
    def paid_on(self) -> date | None:
        """The day on which the last money came that stayed, once nothing is owed any more."""
        stayed = [p.on for p in self.payments if p.on and not p.recovery and p.reversed[self] < p.parts[self]]
        return max(stayed) if stayed and not self.owed and self.settled else None

    @property
    def held(self) -> bool:
        return any(payment.state == "processing" for payment in self.payments)

    def late(self, today: date) -> bool:
        return self.owed > 0 and (self.stamped or self.due_on < today)


@dataclass(eq=False)
class Payment:
    """``parts`` is what it pays of which lines; ``card`` is empty for one that the shop recorded."""

    plan: Plan
    parts: dict[Line, int]
    card: str
    made_at: datetime
    recovery: bool = False
    state: str = "processing"
    number: int = 0
    heard: bool = False
    on: date | None = None
    id: Any = None
    returned: Counter[Line] = field(default_factory=Counter)
    reversed: Counter[Line] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.amount = sum(self.parts.values())
        for line in self.parts:
            line.payments.append(self)

    def left(self, line: Line) -> int:
        """What has neither been returned nor reversed of its part of the line, once it has succeeded."""
        return self.parts[line] - self.returned[line] - self.reversed[line]


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
class Amendment:
    """New days of lines that owe something, as one side proposed them; ``state`` does not know the calendar.

    Where what is owed is spread over ``added`` amounts and days, the lines of ``moves`` have no new day; ``made`` are
    the lines that came of it. ``accepted``: by the customer. ``alone``: nobody was asked.
    """

    by_customer: bool
    moves: list[tuple[Line, date, Any]]
    proposed_at: datetime
    added: list[tuple[int, date]] = field(default_factory=list)
    last_day: date = date.max
    state: str = "proposed"
    worse: bool = False
    accepted: bool = False
    alone: bool = False
    made: list[tuple[Line, tuple[int, date]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.owed = {line: line.owed for line, _, _ in self.moves}

    @property
    def parts(self) -> list[tuple[date | None, date | None, int]]:
        """(old day, new day, amount): what is spread has no new day, what is added no old one."""
        moved = [(old, new, self.owed[line]) for line, old, new in self.moves]
        return moved + [(None, day, amount) for amount, day in self.added]

    def shown_state(self, today: date) -> str:
        return "expired" if self.state == "proposed" and today > self.last_day else self.state


@dataclass(eq=False)
class Plan:
    id: Any
    shop: Shop
    email: str
    lines: list[Line]
    last_day: date
    state: str = "offered"
    accepted_on: date | None = None
    payments: list[Payment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    amendments: list[Amendment] = field(default_factory=list)

    @property
    def owed(self) -> int:
        return sum(line.owed for line in self.lines)

    @property
    def processing(self) -> bool:
        return any(money.state == "processing" for money in [*self.payments, *self.refunds])

    def part_of_refundable(self, percent: int) -> int:
        """That part of what is refundable; 0 is nothing and 101 is more than there is."""
        most = self.owed + sum(line.settled - line.returned for line in self.lines)
        return most + 1 if percent == 101 else -(-most * percent // 100)

    def part_of_owed(self, percent: int) -> int:
        """That part of what is owed, in the same way."""
        return self.owed + 1 if percent == 101 else -(-self.owed * percent // 100)

    def spread(self, amount: int) -> dict[Line, int]:
        """What an amount pays: what is due first, then forwards."""
        parts = {}
        for line in sorted(self.lines, key=lambda line: (line.due_on, line.number)):
            if take := min(line.owed, amount):
                parts[line] = take
                amount -= take
        return parts

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
        if line.written_off:
            return "written_off"
        if line.moved:
            return "moved"
        return "paid" if line.settled else "cancelled"


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
