"""Whatever was owed and paid: a refund gives up exactly its amount, never more of anything, and in one order."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from portal.core.allocation import OwedPart, PaidPart, allocate_payment, allocate_refund, refundable
from portal.core.errors import InvalidInput
from portal.core.money import MAX_AMOUNT

MOST_PARTS = 12
AMOUNTS = st.integers(0, MAX_AMOUNT // MOST_PARTS // 3)


@st.composite
def plans(draw):
    """Installments of which a part is owed and parts were paid by a few payments, partly given back or not."""
    owed, paid = [], []
    for n in range(1, draw(st.integers(1, MOST_PARTS)) + 1):
        owed.append(OwedPart(UUID(int=n), n, draw(AMOUNTS)))
        payers = draw(st.sets(st.integers(1, 5), max_size=2))
        paid += [PaidPart(UUID(int=1000 + by), by, UUID(int=n), n, draw(AMOUNTS)) for by in payers]
    return draw(st.permutations(owed)), draw(st.permutations(paid))


@st.composite
def refunds(draw):
    parts = draw(plans().filter(lambda parts: refundable(*parts)))
    amount = draw(st.integers(1, refundable(*parts)))
    return parts, amount, allocate_refund(*parts, amount, "USD")


def owed_by_id(parts):
    return {part.installment_id: part for part in parts[0]}


def paid_by_id(parts):
    return {(part.payment_id, part.installment_id): part for part in parts[1]}


@given(refunds())
def test_what_is_cancelled_and_returned_is_the_amount_and_fits_every_part(refund):
    parts, amount, split = refund
    assert split.cancelled_amount + split.returned_amount == amount
    cancelled, returned = moved(split)
    assert (len(cancelled), len(returned)) == (len(split.cancelled), len(split.returned))
    assert all(0 < taken <= owed_by_id(parts)[i].amount for i, taken in cancelled.items())
    assert all(0 < taken <= paid_by_id(parts)[key].amount for key, taken in returned.items())


@given(refunds())
def test_nothing_goes_back_while_something_is_owed_and_only_the_last_piece_is_broken(refund):
    parts, _, split = refund
    if split.returned:
        assert split.cancelled_amount == sum(part.amount for part in parts[0])
    cancelled, returned = moved(split)
    pieces = [owed_by_id(parts)[i].amount - taken for i, taken in cancelled.items()]
    pieces += [paid_by_id(parts)[key].amount - taken for key, taken in returned.items()]
    assert not any(pieces[:-1])


@given(refunds())
def test_later_installments_and_newer_payments_come_first(refund):
    parts, _, split = refund
    cancelled, returned = (list(step) for step in moved(split))
    numbers = [owed_by_id(parts)[i].number for i in cancelled]
    places = [(paid_by_id(parts)[key].payment_number, paid_by_id(parts)[key].number) for key in returned]
    assert numbers == sorted(numbers, reverse=True)
    assert places == sorted(places, reverse=True)
    # What was passed over had nothing to give.
    if numbers:
        assert {p.number for p in parts[0] if p.amount and p.number > numbers[-1]} <= set(numbers)
    if places:
        newer = {(p.payment_number, p.number) for p in parts[1] if p.amount}
        assert {place for place in newer if place > places[-1]} <= set(places)


@given(plans(), st.data())
def test_in_two_steps_the_same_money_moves_as_in_one(parts, data):
    most = refundable(*parts)
    if most < 2:
        return
    amount = data.draw(st.integers(2, most))
    first = data.draw(st.integers(1, amount - 1))
    once = moved(allocate_refund(*parts, amount, "USD"))
    cancelled, returned = moved(allocate_refund(*parts, first, "USD"))
    owed = [
        OwedPart(p.installment_id, p.number, p.amount - cancelled.get(p.installment_id, 0)) for p in parts[0]
    ]
    paid = [
        PaidPart(
            p.payment_id,
            p.payment_number,
            p.installment_id,
            p.number,
            p.amount - returned.get((p.payment_id, p.installment_id), 0),
        )
        for p in parts[1]
    ]
    second = moved(allocate_refund(owed, paid, amount - first, "USD"))
    assert (added(cancelled, second[0]), added(returned, second[1])) == once


def moved(split):
    """What is cancelled by installment, and what is returned by payment and installment."""
    return dict(split.cancelled), {(r.payment_id, r.installment_id): r.amount for r in split.returned}


def added(one, other):
    return {key: one.get(key, 0) + other.get(key, 0) for key in one | other}


@given(plans(), st.integers(1, MAX_AMOUNT))
def test_more_than_is_refundable_is_always_refused_at_the_amount(parts, over):
    try:
        allocate_refund(*parts, refundable(*parts) + over, "USD")
    except InvalidInput as refused:
        assert list(refused.errors) == ["amount"]
    else:
        raise AssertionError("refunded more than there was")


@given(plans().filter(lambda parts: sum(part.amount for part in parts[0])), st.data())
def test_a_payment_fills_one_installment_after_the_other(parts, data):
    owed = sorted(parts[0], key=lambda part: part.number)
    amount = data.draw(st.integers(1, sum(part.amount for part in owed)))
    allocated = allocate_payment(owed, amount)
    assert sum(allocated.values()) == amount
    left = [part.amount - allocated.get(part.installment_id, 0) for part in owed]
    reached = [n for n, part in enumerate(owed) if part.installment_id in allocated]
    assert min(left) >= 0
    assert not any(left[: reached[-1]])
