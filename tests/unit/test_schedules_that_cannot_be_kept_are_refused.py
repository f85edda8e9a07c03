"""A schedule that could not be kept is refused at the field at fault, all fields at once."""

from datetime import date

import pytest

from portal.core.errors import InvalidInput
from portal.core.money import MAX_AMOUNT
from portal.core.schedule import Frequency, ScheduleRequest, build_schedule

TODAY = date(2026, 3, 15)
GOOD = {"total": 10000, "currency": "USD", "count": 3, "first": TODAY}


def fields_at_fault(**answers):
    with pytest.raises(InvalidInput) as refused:
        build_schedule(ScheduleRequest(**(GOOD | answers), frequency=Frequency.MONTHLY), TODAY)
    return set(refused.value.errors)


@pytest.mark.parametrize("total", [0, -1, MAX_AMOUNT + 1])
def test_an_amount_out_of_bounds_is_named(total):
    assert fields_at_fault(total=total) == {"total_amount"}


@pytest.mark.parametrize("count", [0, -1, 61, 10**9])
def test_a_count_out_of_bounds_is_named(count):
    assert fields_at_fault(count=count) == {"num_installments"}


def test_more_installments_than_units_is_the_amounts_fault():
    assert fields_at_fault(total=2, count=3) == {"total_amount"}


@pytest.mark.parametrize("first", [date(2021, 3, 14), date(2036, 3, 16), date.min, date.max])
def test_a_first_date_too_far_back_or_ahead_is_named(first):
    assert fields_at_fault(first=first) == {"start_date"}


@pytest.mark.parametrize("first", [date(2021, 3, 15), date(2036, 3, 15), date(2026, 1, 1)])
def test_five_years_back_and_ten_ahead_are_allowed(first):
    assert build_schedule(ScheduleRequest(**(GOOD | {"first": first}), frequency=Frequency.MONTHLY), TODAY)


def test_sixty_installments_are_allowed():
    assert (
        len(build_schedule(ScheduleRequest(**(GOOD | {"count": 60}), frequency=Frequency.WEEKLY), TODAY))
        == 60
    )


def test_all_fields_at_fault_are_named_at_once():
    faults = fields_at_fault(total=0, count=61, first=date(1999, 1, 1))
    assert faults == {"total_amount", "num_installments", "start_date"}


def test_the_bounds_count_from_a_leap_day():
    leap_day = date(2028, 2, 29)
    first = date(2023, 2, 28)
    assert (
        build_schedule(ScheduleRequest(100, "USD", 1, Frequency.WEEKLY, first), leap_day)[0].due_on == first
    )


def test_a_refusal_says_what_would_be_allowed():
    with pytest.raises(InvalidInput) as refused:
        build_schedule(ScheduleRequest(0, "USD", 61, Frequency.WEEKLY, date(1999, 1, 1)), TODAY)
    said = {field: str(error) for field, error in refused.value.errors.items()}
    assert "1 to 60" in said["num_installments"]
    assert "2021-03-15" in said["start_date"]
    assert "2036-03-15" in said["start_date"]
