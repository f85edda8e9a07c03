"""A payment goes to what is owed in order; a refund cancels from the end, then returns what was paid, newest first."""

from uuid import UUID

import pytest

from portal.core.allocation import (
    OwedPart,
    PaidPart,
    Return,
    allocate_payment,
    allocate_refund,
    refundable,
)
from portal.core.errors import InvalidInput


def number(n):
    return UUID(int=n)


def payment(n):
    return UUID(int=1000 + n)


def owed(n, amount):
    return OwedPart(number(n), n, amount)


def paid(n, amount, by):
    """Installment ``n``, paid by the plan's payment number ``by``, of which ``amount`` can still go back."""
    return PaidPart(payment(by), by, number(n), n, amount)


def sorted_out(parts):
    """The parts that are owed, and those that were paid."""
    return tuple([part for part in parts if isinstance(part, kind)] for kind in (OwedPart, PaidPart))


def worked_out(parts, amount):
    """The split in numbers: [(installment, amount)] and [(payment, installment, amount)]."""
    split = allocate_refund(*sorted_out(parts), amount, "USD")
    returned = [(r.payment_id.int - 1000, r.installment_id.int, r.amount) for r in split.returned]
    return [(i.int, amount) for i, amount in split.cancelled], returned


def test_the_first_refund_of_the_worked_example_cancels_from_the_end_and_returns_nothing():
    parts = [paid(1, 3334, by=1), owed(2, 3333), owed(3, 3333)]
    assert worked_out(parts, 5000) == ([(3, 3333), (2, 1667)], [])


def test_the_second_refund_of_the_worked_example_returns_the_newest_payment_first():
    parts = [paid(1, 3334, by=1), paid(2, 1666, by=2), owed(3, 0)]
    assert worked_out(parts, 5000) == ([], [(2, 2, 1666), (1, 1, 3334)])


def test_eighty_of_a_hundred_in_four_cancels_the_three_that_are_owed_and_gives_five_back():
    parts = [paid(1, 2500, by=1), owed(2, 2500), owed(3, 2500), owed(4, 2500)]
    assert worked_out(parts, 8000) == ([(4, 2500), (3, 2500), (2, 2500)], [(1, 1, 500)])


def test_of_one_payment_the_last_installment_goes_back_first():
    parts = [paid(1, 2500, by=1), paid(2, 2500, by=1), paid(3, 2500, by=1)]
    assert worked_out(parts, 6000) == ([], [(1, 3, 2500), (1, 2, 2500), (1, 1, 1000)])


def test_the_newest_payment_goes_back_first_although_it_paid_an_earlier_installment():
    parts = [paid(1, 2500, by=2), paid(2, 2500, by=1), paid(3, 2500, by=2)]
    assert worked_out(parts, 6000) == ([], [(2, 3, 2500), (2, 1, 2500), (1, 2, 1000)])


def test_the_tenth_payment_is_newer_than_the_ninth():
    parts = [paid(1, 100, by=10), paid(2, 100, by=9)]
    assert worked_out(parts, 100) == ([], [(10, 1, 100)])


def test_what_is_owed_is_cancelled_before_anything_goes_back_wherever_it_stands():
    parts = [owed(1, 100), paid(2, 100, by=1), owed(3, 100)]
    assert worked_out(parts, 201) == ([(3, 100), (1, 100)], [(1, 2, 1)])


def test_the_order_of_the_parts_does_not_matter():
    parts = [paid(1, 2500, by=1), owed(2, 2500), owed(3, 2500), paid(4, 2500, by=2)]
    assert worked_out(parts[::-1], 7000) == worked_out(parts, 7000)


def test_installments_with_nothing_left_take_no_part():
    parts = [paid(1, 0, by=1), owed(2, 0), paid(3, 10, by=2)]
    assert worked_out(parts, 10) == ([], [(2, 3, 10)])


def test_the_sums_are_those_of_the_parts():
    split = allocate_refund([owed(2, 2500)], [paid(1, 2500, by=1)], 2600, "USD")
    assert (split.cancelled_amount, split.returned_amount) == (2500, 100)
    assert split.returned == (Return(payment(1), number(1), 100),)


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_and_less_than_nothing_are_refused_at_the_amount(amount):
    with pytest.raises(InvalidInput) as refused:
        allocate_refund([owed(1, 100)], [], amount, "USD")
    assert list(refused.value.errors) == ["amount"]


@pytest.mark.parametrize(("currency", "most"), [("USD", "76.00"), ("JPY", "7600"), ("KWD", "7.600")])
def test_more_than_is_refundable_is_refused_and_the_most_is_named(currency, most):
    parts = [owed(2, 5000)], [paid(1, 2600, by=1)]
    assert refundable(*parts) == 7600
    allocate_refund(*parts, 7600, currency)
    with pytest.raises(InvalidInput) as refused:
        allocate_refund(*parts, 7601, currency)
    assert str(refused.value.errors["amount"]) == f"At most {most} can be refunded."


def test_of_a_plan_without_anything_left_nothing_can_be_refunded():
    with pytest.raises(InvalidInput):
        allocate_refund([owed(1, 0)], [], 1, "USD")


def test_an_installment_that_two_payments_paid_gives_back_the_newer_one_first():
    parts = [paid(1, 4000, by=1), paid(1, 6000, by=2), owed(2, 0)]
    assert worked_out(parts, 7000) == ([], [(2, 1, 6000), (1, 1, 1000)])


def test_a_part_that_is_still_owed_is_cancelled_before_its_paid_part_goes_back():
    parts = [paid(1, 4000, by=1), owed(1, 6000)]
    assert worked_out(parts, 7000) == ([(1, 6000)], [(1, 1, 1000)])


@pytest.mark.parametrize(
    ("amount", "allocated"),
    [
        (1, {1: 1}),
        (100, {1: 100}),
        (150, {1: 100, 3: 50}),
        (250, {1: 100, 3: 150}),
    ],
)
def test_a_payment_goes_to_what_is_owed_in_the_order_given(amount, allocated):
    parts = [owed(1, 100), owed(2, 0), owed(3, 150)]
    assert {i.int: taken for i, taken in allocate_payment(parts, amount).items()} == allocated


@pytest.mark.parametrize("amount", [-1, 0, 251])
def test_nothing_and_more_than_is_owed_cannot_be_allocated(amount):
    with pytest.raises(ValueError, match=str(amount)):
        allocate_payment([owed(1, 100), owed(2, 150)], amount)
