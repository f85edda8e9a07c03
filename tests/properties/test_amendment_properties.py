"""A change of dates is better only if nobody has to pay more by the end of any day; everything else is worse."""

from collections import Counter
from datetime import date, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from portal.core.amendments import Effect, compare, first_worse_day

FIRST = date(2026, 1, 1)
DAYS = st.integers(0, 40).map(lambda n: FIRST + timedelta(days=n))
AMOUNTS = st.integers(1, 50)
SCHEDULES = st.lists(st.tuples(DAYS, AMOUNTS), max_size=8)


def due_by(schedule, day):
    return sum(amount for due_on, amount in schedule if due_on <= day)


@st.composite
def later(draw, schedules=SCHEDULES):
    """A schedule, and the same with some amounts due later."""
    old = draw(schedules)
    return old, [(due_on + timedelta(days=draw(st.integers(0, 20))), amount) for due_on, amount in old]


@given(SCHEDULES, SCHEDULES)
def test_it_is_better_exactly_if_no_more_is_due_by_the_end_of_any_day(old, new):
    days = [FIRST + timedelta(days=n) for n in range(41)]
    is_better = all(due_by(new, day) <= due_by(old, day) for day in days)
    assert (compare(old, new) is Effect.BETTER) == is_better


@given(SCHEDULES, SCHEDULES)
def test_the_first_worse_day_says_by_how_much(old, new):
    found = first_worse_day(old, new)
    assume(found)
    day, more = found
    assert due_by(new, day) - due_by(old, day) == more > 0
    assert due_by(new, day - timedelta(days=1)) <= due_by(old, day - timedelta(days=1))


@given(st.permutations([(FIRST, 10), (FIRST, 5), (FIRST + timedelta(days=3), 7)]))
def test_equal_is_better_in_whatever_order(new):
    assert compare([(FIRST, 15), (FIRST + timedelta(days=3), 7)], new) is Effect.BETTER


@given(later())
def test_later_is_better_and_earlier_is_worse(schedules):
    old, new = schedules
    assert compare(old, new) is Effect.BETTER
    assume(Counter(old) != Counter(new))
    assert compare(new, old) is Effect.WORSE


@given(SCHEDULES, st.tuples(DAYS, AMOUNTS))
def test_dearer_is_worse_on_whatever_day(old, more):
    assert compare(old, [*old, more]) is Effect.WORSE
    assert compare([*old, more], old) is Effect.BETTER


@given(SCHEDULES.filter(bool), st.data())
def test_one_amount_earlier_is_worse_however_late_the_others_are(old, data):
    """Money that falls due before anything did cannot be made up for."""
    place = data.draw(st.integers(0, len(old) - 1))
    first = min(due_on for due_on, _ in old)
    new = [(due_on + timedelta(days=data.draw(st.integers(0, 20))), amount) for due_on, amount in old]
    new[place] = (first - timedelta(days=data.draw(st.integers(1, 20))), old[place][1])
    assert compare(old, new) is Effect.WORSE


@st.composite
def kinder(draw, old):
    """The same schedule in other parts, each at the same time or later, and some of them forgiven."""
    new = []
    for due_on, amount in old:
        first = draw(st.integers(0, amount))
        kept = [part for part in (first, amount - first) if part and draw(st.integers(0, 9))]
        new += [(due_on + timedelta(days=draw(st.integers(0, 20))), part) for part in kept]
    return new


@given(SCHEDULES, st.data())
def test_better_than_better_is_better(old, data):
    new = data.draw(kinder(old))
    newest = data.draw(kinder(new))
    assert compare(old, new) is compare(new, newest) is compare(old, newest) is Effect.BETTER
