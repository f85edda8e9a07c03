"""A weak password is refused at ``password``, a mismatch at ``password2``."""

import contextlib
import inspect
import re
import time
from ast import literal_eval

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from zxcvbn import feedback

from portal.adapters.passwords import Passwords
from portal.core.errors import InvalidInput
from portal.core.passwords import ADVICE, check_password

ADA = {"name": "Ada Buyer of Paris", "email": "ada.buyer@example.com", "username": "countess-ada"}


def field_at_fault(password, again=None):
    with pytest.raises(InvalidInput) as refused:
        check_password(password, password if again is None else again, **ADA)
    (field,) = refused.value.errors
    return field


@pytest.mark.parametrize(
    "password", ["tr0ub4dor", "wool-harbour-" + "x" * 115, "كلمة مرور جيدة", "a b c d e", "🂡🂦🃑🂤🃖🂢🂨🃁🂮🂱"]
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
        "aaaaaaaa",
        "11112222a",
        " " * 8,
        "letmein123",
        "tallystick",
        "Tallystick1",
        "buyer.ada1",
        "qwertyuiop",
        "ｐａｓｓｗｏｒｄ１",
    ],
)
def test_the_short_the_long_the_common_and_the_guessable_are_refused_at_password(password):
    assert field_at_fault(password) == "password"


@pytest.mark.parametrize("again", ["", "tr0ub4dor ", "Tr0ub4dor"])
def test_a_mismatch_is_named_at_password2(again):
    assert field_at_fault("tr0ub4dor", again) == "password2"


def test_a_weak_password_is_told_before_a_mismatch():
    assert field_at_fault("short", "other") == "password"


def advice_on(password):
    with pytest.raises(InvalidInput) as refused:
        check_password(password, password, **ADA)
    return refused.value.errors["password"].advice


def test_a_weak_password_is_refused_with_advice_that_can_be_translated():
    assert advice_on("aaaaaaaa") == (
        'Repeats like "aaa" are easy to guess.',
        "Add another word or two. Uncommon words are better.",
        "Avoid repeated words and characters.",
    )


def test_every_sentence_of_the_library_is_known():
    said = set(re.findall(r"_\(((?:\s*(?:\"[^\"]*\"|'[^']*')\s*\\?)+)\)", inspect.getsource(feedback)))
    assert {literal_eval(f"({text})".replace("\\\n", "\n")) for text in said} == set(ADVICE)
    assert len(ADVICE) > 20


@given(password=st.text(max_size=2000) | st.text("4@8({[<3€6&9#!1|7$50+%2z", min_size=100, max_size=128))
def test_no_password_takes_long_to_judge(password):
    def seconds():
        began = time.process_time()
        with contextlib.suppress(InvalidInput):
            check_password(password, password, **ADA)
        return time.process_time() - began

    assert any(seconds() < 0.05 for _attempt in range(5))


def test_composed_and_decomposed_emails_are_one_password():
    check_password("caf\u00e9-wool-harbour", "cafe\u0301-wool-harbour", **ADA)


def test_a_hash_fits_however_the_password_is_composed_and_those_from_before_still_do():
    passwords = Passwords(cheap=True)
    for stored in ("Ångström-ﬁbre", "Ångström-fibre"):
        assert passwords.matches(passwords.hash(stored), "A\u030angstro\u0308m-fibre")
    before = PasswordHasher(memory_cost=8, time_cost=1, parallelism=1).hash("Ångström-ﬁbre")
    assert passwords.matches(before, "Ångström-ﬁbre")
    assert not passwords.matches(before, "Ångström-fibre")
    assert not passwords.matches(None, "nobody has this password")
    assert not passwords.matches(before, "x" * 1_000_000)
