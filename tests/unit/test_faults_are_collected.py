"""Several fields are checked at once, and one error names all those at fault."""

import pytest

from portal.core.errors import InvalidInput, collecting
from portal.core.text import clean_line


def test_every_field_at_fault_is_named_and_the_sound_ones_are_read():
    with pytest.raises(InvalidInput) as refused, collecting() as faults:
        with faults.caught():
            clean_line("", "name", longest=10)
        with faults.caught():
            street = clean_line(" Mill Lane ", "street", longest=10)
        with faults.caught():
            clean_line("far too long", "city", longest=5)
        faults.add("country", "Choose one of %(count)s.", count=3)
    assert street == "Mill Lane"
    assert set(refused.value.errors) == {"name", "city", "country"}
    assert str(refused.value.errors["country"]) == "Choose one of 3."


def test_nothing_is_raised_when_nothing_is_at_fault():
    with collecting() as faults, faults.caught():
        clean_line("Mill Lane", "street", longest=10)


def test_other_errors_are_not_held_back():
    with pytest.raises(ZeroDivisionError), collecting() as faults:
        faults.add("name", "Enter a name.")
        with faults.caught():
            raise ZeroDivisionError
