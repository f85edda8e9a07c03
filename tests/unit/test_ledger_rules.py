"""What each entry does to an installment's balance, and what the balance adds to a merchant's numbers."""

from datetime import date, timedelta
from functools import reduce
from itertools import pairwise

import pytest

from portal.core.ledger import OWED, SETTLED, SUMS, Account, Balance, Entry, Metrics, apply, metrics_for

ACCEPTED = date(2026, 3, 2)
DUE = date(2026, 4, 1)


@pytest.mark.parametrize(
    ("line", "adds"),
    [
        (Balance(100, DUE), Metrics(scheduled=100, owed=100, owed_count=1, rated_count=1)),
        (
            Balance(100, DUE, paid=100, paid_on=DUE),
            Metrics(revenue=100, scheduled=100, paid_count=1, rated_count=1, on_time_count=1),
        ),
        (
            Balance(100, DUE, paid=100, paid_on=DUE + timedelta(days=1)),
            Metrics(revenue=100, scheduled=100, paid_count=1, rated_count=1),
        ),
        (
            Balance(100, DUE, cancelled=40),
            Metrics(scheduled=60, owed=60, owed_count=1, rated_count=1),
        ),
        (Balance(100, DUE, cancelled=100), Metrics()),
        (
            Balance(100, DUE, paid=60, cancelled=40, returned=60, paid_on=ACCEPTED),
            Metrics(scheduled=60, paid_count=1, rated_count=1, on_time_count=1),
        ),
        (
            Balance(100, ACCEPTED - timedelta(days=1), paid=100, paid_on=ACCEPTED - timedelta(days=1)),
            Metrics(revenue=100, scheduled=100, paid_count=1),
        ),
        (
            Balance(100, DUE, paid=40),
            Metrics(revenue=40, scheduled=100, owed=60, owed_count=1, rated_count=1),
        ),
        (
            Balance(100, DUE, paid=200, reversed=100, paid_on=DUE),
            Metrics(revenue=100, scheduled=100, paid_count=1, rated_count=1, on_time_count=1),
        ),
        (
            Balance(100, DUE, paid=40, written_off=60, recovered=25, paid_on=DUE),
            Metrics(
                revenue=65, scheduled=100, written_off=60, recovered=25, written_off_count=1, rated_count=1
            ),
        ),
        (Balance(100, DUE, paid=40, moved=60, paid_on=DUE), Metrics(revenue=40, scheduled=40)),
        (
            Balance(100, DUE, paid_before=100, paid_on=ACCEPTED),
            Metrics(scheduled=100, paid_count=1, rated_count=1, on_time_count=1),
        ),
        (Balance(100, ACCEPTED), Metrics(scheduled=100, owed=100, owed_count=1, rated_count=1)),
    ],
    ids=[
        "owed",
        "paid on the day",
        "paid a day late",
        "cancelled in part",
        "cancelled",
        "paid and returned",
        "already due when accepted",
        "paid in part",
        "paid again after a reversal",
        "the rest written off, and some of it recovered",
        "the rest moved away",
        "paid before the plan was brought over",
        "due on the day of acceptance",
    ],
)
def test_what_an_installment_adds(line, adds):
    assert metrics_for(line, ACCEPTED) == adds


def test_the_changes_of_a_life_add_up_to_its_end():
    life = [
        Balance(100, DUE),
        Balance(100, DUE, cancelled=40),
        Balance(100, DUE, paid=60, cancelled=40, paid_on=DUE),
        Balance(100, DUE, paid=60, cancelled=40, returned=25, paid_on=DUE),
    ]
    stages = [Metrics(), *(metrics_for(line, ACCEPTED) for line in life)]
    changes = [after - before for before, after in pairwise(stages)]
    assert reduce(Metrics.__add__, changes) == stages[-1]
    assert not stages[-1] - stages[-1]


# An entry on an installment of 100 that stands like this: what of it moves, and what is then owed.
ENTRIES = {
    Entry.DEBT_AGREED: ({}, 100, {}, 100),
    Entry.PAYMENT_RECEIVED: ({}, 40, {"paid": 40}, 60),
    Entry.PAYMENT_REVERSED: ({"paid": 40}, 40, {"reversed": 40}, 100),
    Entry.DEBT_CANCELLED: ({"paid": 40}, 60, {"cancelled": 60}, 0),
    Entry.CASH_RETURNED: ({"paid": 40, "cancelled": 60}, 15, {"returned": 15}, 0),
    Entry.DEBT_WRITTEN_OFF: ({"paid": 40}, 60, {"written_off": 60}, 0),
    Entry.DEBT_RECOVERED: ({"written_off": 100}, 30, {"recovered": 30}, 0),
    Entry.RECOVERY_REVERSED: ({"written_off": 100, "recovered": 30}, 30, {"recovered": 0}, 0),
    Entry.DEBT_MOVED_AWAY: ({"paid": 40}, 60, {"moved": 60}, 0),
    Entry.DEBT_MOVED_HERE: ({}, 100, {}, 100),
    Entry.PAID_BEFORE: ({}, 40, {"paid_before": 40}, 60),
}


@pytest.mark.parametrize("entry", Entry, ids=lambda entry: entry.name)
def test_an_entry_moves_its_sum_and_what_is_owed(entry):
    before, amount, sums, owed = ENTRIES[entry]
    balance = apply(Balance(100, DUE, **before), entry, amount, DUE)
    assert {name: getattr(balance, name) for name in SUMS} == dict.fromkeys(SUMS, 0) | before | sums
    assert balance.owed == owed


@pytest.mark.parametrize("entry", Entry, ids=lambda entry: entry.name)
def test_what_is_owed_is_what_the_postings_leave_on_the_receivable_account(entry):
    before, amount, _, owed = ENTRIES[entry]
    start = Balance(100, DUE, **before).owed
    receivable = {entry.debit: amount, entry.credit: -amount}.get(Account.RECEIVABLE, 0)
    assert owed == (start if entry.sum_name else 0) + receivable


@pytest.mark.parametrize("entry", Entry, ids=lambda entry: entry.name)
def test_an_entry_that_is_taken_away_leaves_what_was_there(entry):
    before, amount, _, _ = ENTRIES[entry]
    balance = Balance(100, DUE, **before)
    assert apply(apply(balance, entry, amount), entry, -amount) == balance


def test_the_database_computes_what_is_owed_and_settled_by_the_same_formulas():
    sums = {name: 2**place for place, name in enumerate(SUMS)}
    balance = Balance(10**6, DUE, **sums)
    assert eval(OWED, {"amount": balance.amount} | sums) == balance.owed
    assert eval(SETTLED, dict(sums)) == balance.settled


def test_no_two_entries_are_between_the_same_accounts():
    assert len({(entry.debit, entry.credit) for entry in Entry}) == len(Entry)
    assert all(entry.debit is not entry.credit for entry in Entry)


@pytest.mark.parametrize(
    ("before", "entry", "amount"),
    [
        ({}, Entry.PAYMENT_RECEIVED, 101),
        ({"paid": 60}, Entry.DEBT_CANCELLED, 41),
        ({"paid": 60}, Entry.PAYMENT_REVERSED, 61),
        ({"paid": 60, "returned": 10}, Entry.PAYMENT_REVERSED, 51),
        ({"paid": 60, "reversed": 10}, Entry.CASH_RETURNED, 51),
        ({"written_off": 100}, Entry.DEBT_RECOVERED, 101),
        ({"written_off": 100, "recovered": 30}, Entry.RECOVERY_REVERSED, 31),
        ({"paid": 30}, Entry.PAYMENT_RECEIVED, -31),
    ],
)
def test_more_than_there_was_is_refused(before, entry, amount):
    with pytest.raises(ValueError, match=entry.name):
        apply(Balance(100, DUE, **before), entry, amount)


def test_an_installment_has_a_day_exactly_while_it_is_settled():
    balance = Balance(100, DUE)
    days = []
    for entry, amount, on in [
        (Entry.PAYMENT_RECEIVED, 40, ACCEPTED),
        (Entry.PAYMENT_RECEIVED, 60, DUE),
        (Entry.CASH_RETURNED, 10, None),
        (Entry.PAYMENT_REVERSED, 50, None),
        (Entry.DEBT_CANCELLED, 50, DUE),
    ]:
        balance = apply(balance, entry, amount, on)
        days.append(balance.paid_on)
    assert days == [None, DUE, DUE, None, DUE]
