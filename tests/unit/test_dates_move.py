"""New dates of a plan: which can be kept, in which order, and until when they can be answered."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import pytest

from portal.core.amendments import check_moves, last_day_to_answer, worse_from
from portal.core.errors import Conflict, InvalidInput

TODAY = date(2026, 3, 10)


@dataclass
class Line:
    number: int
    due_on: date
    owed: int = 100

    @property
    def id(self):
        return UUID(int=self.number)


LINES = [
    Line(1, date(2026, 2, 1), owed=0),
    Line(2, date(2026, 3, 1)),
    Line(3, date(2026, 4, 1)),
    Line(4, date(2026, 5, 1)),
]


def moves(*dates, **more):
    return check_moves(LINES, [(UUID(int=number), date(2026, *day)) for number, day in dates], TODAY, **more)


def faults(*dates, **more):
    with pytest.raises(InvalidInput) as refused:
        moves(*dates, **more)
    return {field: str(error) for field, error in refused.value.errors.items()}


def test_what_keeps_its_date_is_left_out_and_the_rest_is_in_the_order_of_the_plan():
    found = moves((4, (5, 20)), (3, (4, 1)), (2, (3, 20)))
    assert [(move.number, move.old, move.new) for move in found] == [
        (2, date(2026, 3, 1), date(2026, 3, 20)),
        (4, date(2026, 5, 1), date(2026, 5, 20)),
    ]
    assert worse_from(found) is None
    assert worse_from(moves((3, (3, 31)))) == (date(2026, 3, 31), 100)


@pytest.mark.parametrize(
    ("dates", "field", "said"),
    [
        ([], "installments", "Change at least one date."),
        ([(3, (4, 1))], "installments", "Change at least one date."),
        ([(9, (4, 1))], "installments", "Name installments of this plan, each once."),
        ([(3, (4, 2)), (3, (4, 3))], "installments", "Name installments of this plan, each once."),
        ([(2, (3, 9))], "installments.0.due_date", "from 2026-03-10 to 2036-03-10"),
        ([(2, (3, 10)), (3, (3, 10))], "installments.1.due_date", "Keep the installments in order"),
        ([(2, (4, 1))], "installments.0.due_date", "Keep the installments in order"),
        ([(3, (5, 2))], "installments.0.due_date", "Keep the installments in order"),
    ],
)
def test_what_cannot_be_kept_is_refused_at_its_place(dates, field, said):
    found = faults(*dates)
    assert list(found) == [field] and said in found[field]


def test_what_owes_nothing_stays():
    with pytest.raises(Conflict) as refused:
        moves((1, (4, 1)))
    assert refused.value.code == "line_settled"
    assert moves((1, (2, 1)), (2, (3, 11))), "to name the same date changes nothing"


def test_old_dates_may_have_passed():
    assert moves((2, (3, 9)), past=True)[0].new == date(2026, 3, 9)


@pytest.mark.parametrize(
    ("dates", "last_day"),
    [
        ([(2, (3, 31))], (3, 24)),
        ([(2, (3, 15))], (3, 14)),
        ([(2, (3, 10))], (3, 24)),
        ([(2, (3, 11))], (3, 10)),
    ],
)
def test_it_can_be_answered_for_two_weeks_or_until_the_day_before_it_matters(dates, last_day):
    assert last_day_to_answer(moves(*dates), TODAY) == date(2026, *last_day)
