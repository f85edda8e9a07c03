"""Whatever was owed and paid: a refund gives up exactly its amount, never more of anything, and in one order."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from portal.core.errors import InvalidInput
from portal.core.money import MAX_AMOUNT
from portal.core.refund_split import Part, refundable, split_refund

MOST_PARTS = 12


@st.composite
def plans(draw):
    """Installments that are owed in part or were paid by one of a few payments, partly given back or not."""
    parts = []
    for n in range(1, draw(st.integers(1, MOST_PARTS)) + 1):
        amount, by = draw(st.integers(0, MAX_AMOUNT // MOST_PARTS)), draw(st.integers(0, 5))
        payment = UUID(int=1000 + by) if by else None
        parts.append(Part(UUID(int=n), n, 0 if by else amount, amount if by else 0, payment, by))
    return draw(st.permutations(parts))


@st.composite
def refunds(draw):
    parts = draw(plans().filter(refundable))
    amount = draw(st.integers(1, refundable(parts)))
    return parts, amount, split_refund(parts, amount, "USD")


@given(refunds())
def test_what_is_cancelled_and_returned_is_the_amount_and_fits_every_installment(refund):
    parts, amount, split = refund
    assert split.cancelled_amount + split.returned_amount == amount
    by_id = {part.installment_id: part for part in parts}
    cancelled = dict(split.cancelled)
    returned = {r.installment_id: r.amount for r in split.returned}
    assert (len(cancelled), len(returned)) == (len(split.cancelled), len(split.returned))
    assert all(0 < taken <= by_id[i].owed for i, taken in cancelled.items())
    assert all(0 < taken <= by_id[i].returnable for i, taken in returned.items())
    assert all(r.payment_id == by_id[r.installment_id].payment_id for r in split.returned)


@given(refunds())
def test_nothing_goes_back_while_something_is_owed_and_only_the_last_piece_is_broken(refund):
    parts, _, split = refund
    if split.returned:
        assert split.cancelled_amount == sum(part.owed for part in parts)
    by_id = {part.installment_id: part for part in parts}
    pieces = [by_id[i].owed - taken for i, taken in split.cancelled]
    pieces += [by_id[r.installment_id].returnable - r.amount for r in split.returned]
    assert not any(pieces[:-1])


@given(refunds())
def test_later_installments_and_newer_payments_come_first(refund):
    parts, _, split = refund
    by_id = {part.installment_id: part for part in parts}
    cancelled = [by_id[i].number for i, _ in split.cancelled]
    returned = [(by_id[r.installment_id].paid_order, by_id[r.installment_id].number) for r in split.returned]
    assert cancelled == sorted(cancelled, reverse=True)
    assert returned == sorted(returned, reverse=True)
    # What was passed over had nothing to give.
    if cancelled:
        assert {p.number for p in parts if p.owed and p.number > cancelled[-1]} <= set(cancelled)
    if returned:
        newer = {(p.paid_order, p.number) for p in parts if p.returnable}
        assert {key for key in newer if key > returned[-1]} <= set(returned)


@given(plans(), st.data())
def test_in_two_steps_the_same_money_moves_as_in_one(parts, data):
    most = refundable(parts)
    if most < 2:
        return
    amount = data.draw(st.integers(2, most))
    first = data.draw(st.integers(1, amount - 1))
    once = moved(split_refund(parts, amount, "USD"))
    step = split_refund(parts, first, "USD")
    cancelled, returned = moved(step)
    rest = [
        Part(
            p.installment_id,
            p.number,
            p.owed - cancelled.get(p.installment_id, 0),
            p.returnable - returned.get(p.installment_id, 0),
            p.payment_id,
            p.paid_order,
        )
        for p in parts
    ]
    second = moved(split_refund(rest, amount - first, "USD"))
    assert (added(cancelled, second[0]), added(returned, second[1])) == once


def moved(split):
    return dict(split.cancelled), {r.installment_id: r.amount for r in split.returned}


def added(one, other):
    return {key: one.get(key, 0) + other.get(key, 0) for key in one | other}


@given(plans(), st.integers(1, MAX_AMOUNT))
def test_more_than_is_refundable_is_always_refused_at_the_amount(parts, over):
    try:
        split_refund(parts, refundable(parts) + over, "USD")
    except InvalidInput as refused:
        assert list(refused.errors) == ["amount"]
    else:
        raise AssertionError("refunded more than there was")
