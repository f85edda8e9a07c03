"""A weak password is refused at ``password``, a mismatch at ``password2``."""

import pytest

from portal.core.accounts import check_password
from portal.core.errors import InvalidInput

ADA = {"name": "Ada Buyer of Paris", "email": "ada.buyer@example.com", "username": "countess-ada"}


def field_at_fault(password, again=None):
    with pytest.raises(InvalidInput) as refused:
        check_password(password, password if again is None else again, **ADA)
    (field,) = refused.value.errors
    return field


@pytest.mark.parametrize(
    "password", ["tr0ub4dor", "x" * 127 + "y", "كلمة مرور جيدة", "a b c d e", "🂡🂢🂣🂤🂥🂦🂧🂨"]
)
def test_a_password_of_8_to_128_characters_may_hold_anything(password):
    check_password(password, password, **ADA)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "seven77",
        "x" * 129,
        "x" * 4000,
        "password",
        "PassWord",
        "password1",
        "12345678",
        "9284756301",
        "iloveyou",
        "good\0enough",
        "good\ud800enough",
        "Ada Buyer of Paris",
        "ADA BUYER OF PARIS",
        "ada.buyer@example.com",
        "ada.buyer",
        "Countess-Ada",
    ],
)
def test_the_short_the_long_the_common_and_the_guessable_are_refused_at_password(password):
    assert field_at_fault(password) == "password"


@pytest.mark.parametrize("again", ["", "tr0ub4dor ", "Tr0ub4dor"])
def test_a_mismatch_is_named_at_password2(again):
    assert field_at_fault("tr0ub4dor", again) == "password2"


def test_a_weak_password_is_told_before_a_mismatch():
    assert field_at_fault("short", "other") == "password"
