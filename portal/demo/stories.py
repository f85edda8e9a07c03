"""The demo's plans: who bought what, on which terms, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import partial
from random import Random

from portal.core.calendar import offer_last_day
from portal.core.payments import Method
from portal.core.reminders import STEPS
from portal.core.schedule import Frequency, due_dates
from portal.services.payments import Scope

from .people import (
    AMARA,
    BEN,
    BICYCLES,
    CHLOE,
    ELIF,
    FARAH,
    FURNITURE,
    GRACE,
    HASSAN,
    HUGO,
    INES,
    JONAS,
    LENA,
    MARIA,
    NOAH,
    OLIVIA,
    PRIYA,
    Person,
)


class Answer(StrEnum):
    """How an offer ends; ``none`` stays unanswered."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    REVOKED = "revoked"
    NONE = "none"


# How many days after the due date somebody pays; each time one of these.
PROMPT = (-3, -2, -1, 0, 0, 0)
ON_THE_DAY = (0,)
SLOW = (0, 2, 4, 0, 8)


@dataclass(frozen=True, slots=True)
class Received:
    """What the shop recorded: the day, counted from its today, minor units and how; and the day on which it bounced."""

    day: int
    amount: int
    method: Method
    note: str = ""
    bounced: int | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """New dates that one side proposed just now: what is owed first, or ``last``, by so many days.

    Without ``days`` it is all that is owed, from in two weeks on, a month apart.
    """

    what: str
    by_customer: bool
    reason: str
    days: int | None = None
    last: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """A plan: ``first`` is the day of the first due date, counted from the shop's today; ``total`` in minor units.

    The offer is sent ``ahead`` days before that and answered ``after`` days later. Installments after ``until`` are
    not paid, those in ``skips`` are paid as overdue together with the next, and ``pays_off`` pays all that is left.
    The card is declined the first time that ``fails`` is paid; ``cancelled`` is the day on which the shop gives up, and
    ``written_off`` that on which it stops collecting.
    ``received`` is what the shop recorded, ``parts`` the amounts of their own that the customer paid, by their days.
    """

    shop: Person
    customer: Person
    what: str
    total: int
    count: int
    every: Frequency
    first: int
    ahead: int = 8
    after: int = 1
    answer: Answer = Answer.ACCEPTED
    habit: tuple[int, ...] = PROMPT
    until: int = 60
    skips: tuple[int, ...] = ()
    pays_off: int = 0
    fails: int = 0
    cancelled: int | None = None
    written_off: int | None = None
    received: tuple[Received, ...] = ()
    parts: tuple[tuple[int, int], ...] = ()

    @property
    def sent(self) -> int:
        """The day of the offer, counted from today."""
        return self.first - self.ahead

    @property
    def answered(self) -> int:
        return self.sent + self.after

    def due_dates(self, today: date) -> tuple[date, ...]:
        return due_dates(today + timedelta(self.first), self.every, self.count)

    def payments(self, today: date) -> Iterator[tuple[int, date, Scope]]:
        """What was paid before ``today``: from which installment on, when, and how much of the plan."""
        # Seeded by the words alone, so that everybody pays in the same manner whatever the day is.
        mood = Random(self.what)  # noqa: S311 - a story, not a secret
        day, missed = today + timedelta(self.answered), False
        for number, due_on in enumerate(self.due_dates(today), start=1):
            late = 2 if missed else mood.choice(self.habit)
            if number in self.skips:
                missed = True
                continue
            day = max(due_on + timedelta(late), day + timedelta(1))
            if number > self.until or day >= today:
                return
            if number == self.pays_off:
                yield number, day, Scope.ALL
                return
            yield number, day, Scope.OVERDUE if missed else Scope.INSTALLMENT
            missed = False

    def busy_days(self, today: date) -> Iterator[date]:
        """Days on which the daily job has something to do here; on a later one it would catch up."""
        if self.answer is Answer.NONE:
            last_day = offer_last_day(today + timedelta(self.sent))
            yield from (last_day - timedelta(2), last_day + timedelta(1))
        if self.answer is Answer.ACCEPTED:
            paid = {number: day for number, day, _ in self.payments(today)}
            for number, due_on in enumerate(self.due_dates(today), start=1):
                steps = (due_on + timedelta(days) for days in STEPS.values())
                yield from (day for day in steps if day <= paid.get(number, today))


WEEKLY, BIWEEKLY, MONTHLY = Frequency.WEEKLY, Frequency.BIWEEKLY, Frequency.MONTHLY
DECLINED, REVOKED, NONE = Answer.DECLINED, Answer.REVOKED, Answer.NONE


furniture, bicycle = partial(Story, FURNITURE), partial(Story, BICYCLES)

FURNITURE_STORIES = (
    furniture(AMARA, "Oak dining table for eight", 2400_00, 12, MONTHLY, -384),
    furniture(GRACE, "Three-seat sofa, oatmeal linen", 1899_00, 9, MONTHLY, -352, habit=ON_THE_DAY),
    furniture(PRIYA, "TV console, walnut", 560_00, 4, MONTHLY, -336),
    furniture(BEN, "Bookcase wall, walnut", 1260_00, 6, MONTHLY, -300, habit=SLOW),
    furniture(PRIYA, "Bed frame, queen, with slatted base", 1380_00, 10, MONTHLY, -267),
    furniture(FARAH, "Standing desk, ash", 749_00, 4, MONTHLY, -258),
    furniture(GRACE, "Two bar stools, beech", 240_00, 4, BIWEEKLY, -230, habit=ON_THE_DAY, fails=2),
    furniture(MARIA, "Kitchen island with butcher-block top", 4850_00, 12, MONTHLY, -200),
    furniture(BEN, "Crib that becomes a toddler bed", 540_00, 6, MONTHLY, -166, until=3),
    furniture(AMARA, "Reading chair with footstool", 690_00, 6, MONTHLY, -150),
    furniture(MARIA, "Restoration of an antique dresser", 730_00, 5, MONTHLY, -140, until=2, cancelled=-90),
    furniture(FARAH, "Wardrobe, three doors", 1150_00, 5, MONTHLY, -128, until=4),
    furniture(
        BEN,
        "Farmhouse table, old oak",
        600_00,
        6,
        MONTHLY,
        -100,
        until=0,
        received=(
            Received(-100, 150_00, Method.CASH, "At the counter"),
            Received(-68, 100_00, Method.BANK_TRANSFER, "Transfer 20931"),
            Received(-60, 100_00, Method.CHECK, "Cheque 0042", bounced=-54),
        ),
        parts=((-25, 80_00),),
    ),
    furniture(GRACE, "Six dining chairs, re-upholstered", 780_00, 3, MONTHLY, -110, pays_off=2),
    furniture(FARAH, "Leather recliner", 1420_00, 10, MONTHLY, -85, after=2, answer=DECLINED),
    furniture(GRACE, "Corner desk, birch", 615_00, 5, MONTHLY, -50, after=3, answer=REVOKED),
    furniture(HUGO, "Pair of nightstands", 310_00, 4, BIWEEKLY, -50, ahead=10, after=2),
    furniture(PRIYA, "Coffee table, reclaimed pine", 320_00, 4, BIWEEKLY, -40),
    furniture(OLIVIA, "Mirror wall for a hallway", 450_00, 3, MONTHLY, -38, answer=NONE),
    furniture(FARAH, "Hall bench with shoe rack", 260_00, 4, WEEKLY, -21, habit=ON_THE_DAY),
    furniture(HUGO, "Garden table and four chairs, teak", 1640_00, 8, MONTHLY, 5, ahead=9, after=3),
    furniture(NOAH, "Bunk bed with ladder", 890_00, 6, MONTHLY, 10, ahead=14, answer=NONE),
    furniture(PRIYA, "Sideboard with sliding doors", 980_00, 7, MONTHLY, 12, ahead=14, answer=NONE),
)

BICYCLE_STORIES = (
    bicycle(INES, "Gravel bike, 54 cm", 1899_00, 10, MONTHLY, -380),
    bicycle(JONAS, "City bike, 8-speed hub", 949_00, 6, MONTHLY, -340, habit=SLOW),
    bicycle(ELIF, "Cargo e-bike, two child seats", 5490_00, 24, MONTHLY, -310),
    bicycle(HASSAN, "Frame lock and theft insurance", 95_00, 2, MONTHLY, -250, habit=SLOW),
    bicycle(AMARA, "E-bike, low step-through", 3299_00, 12, MONTHLY, -210),
    bicycle(ELIF, "Racing bike, carbon, 52 cm", 2780_00, 12, MONTHLY, -172, answer=DECLINED),
    bicycle(CHLOE, "Folding bike, 16 inch", 1290_00, 8, MONTHLY, -165, skips=(4, 5)),
    bicycle(INES, "Full service and new drivetrain", 340_00, 4, WEEKLY, -150),
    bicycle(INES, "Mountain bike, hardtail", 2390_00, 18, MONTHLY, -131),
    bicycle(HASSAN, "Touring bike with dynamo light", 1750_00, 12, MONTHLY, -101, until=2),
    bicycle(JONAS, "New battery for an e-bike", 620_00, 4, MONTHLY, -87, habit=ON_THE_DAY),
    bicycle(JONAS, "Child trailer with rain cover", 890_00, 6, MONTHLY, -66, ahead=9, answer=NONE),
    bicycle(ELIF, "Child seat and two panniers", 210_00, 3, BIWEEKLY, -60),
    bicycle(INES, "Hand-built wheelset", 860_00, 5, MONTHLY, -43, until=0, cancelled=-46),
    bicycle(JONAS, "Winter tyres and lights", 160_00, 4, WEEKLY, -33, until=2, written_off=-5),
    bicycle(HASSAN, "Workstand and tool set", 270_00, 3, MONTHLY, -20, after=4, answer=REVOKED),
    bicycle(CHLOE, "Brake overhaul and wheel truing", 145_00, 3, WEEKLY, -10),
    bicycle(HASSAN, "Luggage trailer", 480_00, 6, MONTHLY, 7, ahead=16, answer=NONE),
    bicycle(LENA, "Balance bike, red", 119_00, 2, MONTHLY, 8, ahead=11, answer=NONE),
    bicycle(AMARA, "Cargo box with rain cover", 375_00, 5, BIWEEKLY, 14, ahead=15, answer=NONE),
)

STORIES = FURNITURE_STORIES + BICYCLE_STORIES

MOVED = (
    Moved("Garden table", False, "Delivered a week later than planned", days=7),
    Moved("E-bike", False, "We close for the summer", days=-10, last=True),
    Moved("Crib", True, "Between jobs until next month"),
)
# The story whose last payment the provider has not answered yet.
HANGING = next(story for story in BICYCLE_STORIES if story.what.startswith("New battery"))


def imported_file(first: date) -> str:
    """A file of plans that the shop kept in a spreadsheet before, as it lies there: one amount cannot be meant."""
    return (
        "email;name;description;total;installments;first_due;frequency;paid_before;reference\n"
        f"walter@example.com;Walter Brandt;Dresser, cherry;1.180,00;8;{first:%d.%m.%Y};monthly;295,00;2025-114\n"
        f"rosa@example.com;Rosa Lindqvist;Double bed;1.640,00;10;{first:%d/%m/%Y};monthly;164,00;2025-131\n"
        f"tomas@example.com;Tomas Novak;Writing desk;84O,00;6;{first};monthly;;2025-140\n"
    )
