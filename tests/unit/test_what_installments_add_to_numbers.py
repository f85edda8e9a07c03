"""What an installment adds to the numbers as it stands, and that changes add up to where they lead."""

from datetime import date, timedelta
from functools import reduce
from itertools import pairwise

import pytest

from portal.core.tallies import Standing, Tally, contribution

ACCEPTED = date(2026, 3, 2)
DUE = date(2026, 4, 1)


@pytest.mark.parametrize(
    ("line", "adds"),
    [
        (Standing(100, DUE), Tally(scheduled=100, owed=100, owed_count=1, judged_count=1)),
        (
            Standing(100, DUE, paid=100, paid_on=DUE),
            Tally(revenue=100, scheduled=100, paid_count=1, judged_count=1, on_time_count=1),
        ),
        (
            Standing(100, DUE, paid=100, paid_on=DUE + timedelta(days=1)),
            Tally(revenue=100, scheduled=100, paid_count=1, judged_count=1),
        ),
        (
            Standing(100, DUE, cancelled=40),
            Tally(scheduled=60, owed=60, owed_count=1, judged_count=1),
        ),
        (Standing(100, DUE, cancelled=100), Tally()),
        (
            Standing(100, DUE, paid=60, cancelled=40, returned=60, paid_on=ACCEPTED),
            Tally(scheduled=60, paid_count=1, judged_count=1, on_time_count=1),
        ),
        (
            Standing(100, ACCEPTED - timedelta(days=1), paid=100, paid_on=ACCEPTED - timedelta(days=1)),
            Tally(revenue=100, scheduled=100, paid_count=1),
        ),
        (Standing(100, ACCEPTED), Tally(scheduled=100, owed=100, owed_count=1, judged_count=1)),
    ],
    ids=[
        "owed",
        "paid on the day",
        "paid a day late",
        "cancelled in part",
        "cancelled",
        "paid and returned",
        "already due when accepted",
        "due on the day of acceptance",
    ],
)
def test_what_an_installment_adds(line, adds):
    assert contribution(line, ACCEPTED) == adds


def test_the_changes_of_a_life_add_up_to_its_end():
    life = [
        Standing(100, DUE),
        Standing(100, DUE, cancelled=40),
        Standing(100, DUE, paid=60, cancelled=40, paid_on=DUE),
        Standing(100, DUE, paid=60, cancelled=40, returned=25, paid_on=DUE),
    ]
    stages = [Tally(), *(contribution(line, ACCEPTED) for line in life)]
    changes = [after - before for before, after in pairwise(stages)]
    assert reduce(Tally.__add__, changes) == stages[-1]
    assert not stages[-1] - stages[-1]
