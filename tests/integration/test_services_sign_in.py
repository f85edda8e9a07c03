"""Signing in: by address or user name, throttled before any hashing, known and unknown addresses alike."""

from datetime import timedelta

import pytest

from portal.adapters.passwords import Passwords
from portal.core.errors import InvalidInput, TooMany
from portal.core.roles import Role
from portal.services import accounts
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, PASSWORD

HERE = "192.0.2.1"


class Counting(Passwords):
    """Real hashing that counts how often it was asked, to see what comes before it."""

    def __init__(self):
        super().__init__(cheap=True)
        self.asked = 0

    def matches(self, stored, password):
        self.asked += 1
        return super().matches(stored, password)


@pytest.fixture
def hashing():
    return Counting()


def sign_in(session, hashing, identifier, password=PASSWORD, address=HERE, now=NOW):
    return accounts.sign_in(session, hashing, identifier, password, address, now)


def guess(session, hashing, identifier, times=10, **more):
    for _ in range(times):
        assert sign_in(session, hashing, identifier, "a wrong guess", **more) is None


def test_the_address_signs_in_in_any_case(session, ada, hashing):
    for typed in ("ada.buyer@example.com", "Ada.Buyer@EXAMPLE.com", "  ada.buyer@example.com "):
        assert sign_in(session, hashing, typed) == ada.id


def test_a_user_name_of_ones_own_signs_in_in_any_case_and_so_does_the_address(session, hashing):
    person = factories.sign_up(session, factories.account(Role.CUSTOMER, "Ada Buyer", username="Countess"))
    for typed in ("countess", "COUNTESS", person.email):
        assert sign_in(session, hashing, typed) == person.id


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        ("\u00c9LAN", ["\u00e9lan", "\u00c9LAN", "e\u0301lan", "E\u0301LAN", "\uff25\u0301lan"]),
        ("Stra\u00dfe", ["strasse", "STRASSE", "stra\u1e9ee"]),
        ("\u0410\u043d\u043d\u0430", ["\u0430\u043d\u043d\u0430", "\u0410\u041d\u041d\u0410"]),
    ],
)
def test_a_user_name_of_any_script_signs_in_in_any_case_and_composition(session, hashing, chosen, typed):
    person = factories.sign_up(session, factories.account(Role.CUSTOMER, "Ada Buyer", username=chosen))
    assert [sign_in(session, hashing, spelling) for spelling in typed] == [person.id] * len(typed)


def test_an_address_with_a_domain_in_another_script_signs_in_in_every_spelling(session, hashing):
    new = factories.account(Role.CUSTOMER, "Ada Buyer", email="ada@m\u00fcnchen.example.com")
    person = factories.sign_up(session, new)
    assert person.email == "ada@xn--mnchen-3ya.example.com"
    for typed in (new.email, person.email, "ADA@M\u00dcNCHEN.example.com", "ada@mu\u0308nchen.example.com"):
        assert sign_in(session, hashing, typed) == person.id


def test_a_wrong_password_does_not(session, ada, hashing):
    for password in ("", PASSWORD.upper(), f"{PASSWORD} ", "x" * 4000, "a\0b", "\ud800"):
        assert sign_in(session, hashing, ada.email, password) is None


def test_what_can_be_no_name_is_refused_at_its_field(session, ada, hashing):
    for typed in ("", "\0", "ada\n", "\ud800", "x" * 4000):
        with pytest.raises(InvalidInput) as refused:
            sign_in(session, hashing, typed)
        assert list(refused.value.errors) == ["email"]


def test_after_ten_wrong_passwords_an_account_is_closed_before_any_hashing(session, ada, hashing):
    for k in range(10):
        guess(session, hashing, ada.email, 1, address=f"198.51.100.{k}")
    asked = hashing.asked
    with pytest.raises(TooMany) as refused:
        sign_in(session, hashing, ada.email, address="203.0.113.9")
    assert hashing.asked == asked == 10
    assert 0 < refused.value.retry_after <= 301


def test_the_spelling_of_an_address_does_not_get_around_it(session, ada, hashing):
    guess(session, hashing, ada.email, 5)
    guess(session, hashing, ada.email.upper(), 5, address="198.51.100.7")
    with pytest.raises(TooMany):
        sign_in(session, hashing, f" {ada.email}", address="203.0.113.9")


def test_a_network_address_is_closed_whoever_it_guesses_at(session, ada, hashing):
    for k in range(10):
        guess(session, hashing, f"person{k}@example.com", 1)
    with pytest.raises(TooMany):
        sign_in(session, hashing, ada.email)
    assert sign_in(session, hashing, ada.email, address="203.0.113.9") == ada.id


def test_a_known_and_an_unknown_address_answer_alike(session, ada, hashing):
    told = []
    for identifier, address in ((ada.email, "198.51.100.1"), ("nobody@example.com", "198.51.100.2")):
        guess(session, hashing, identifier, address=address)
        with pytest.raises(TooMany) as refused:
            sign_in(session, hashing, identifier, address=address)
        told.append((str(refused.value), refused.value.retry_after))
    assert told[0] == told[1]
    assert hashing.asked == 20


def test_it_opens_again_five_minutes_after_the_first_wrong_password(session, ada, hashing):
    for k in range(10):
        guess(session, hashing, ada.email, 1, now=NOW + timedelta(seconds=10 * k))
    with pytest.raises(TooMany) as refused:
        sign_in(session, hashing, ada.email, now=NOW + timedelta(seconds=100))
    opens = NOW + timedelta(seconds=100 + refused.value.retry_after)
    assert opens <= NOW + timedelta(minutes=5, seconds=1)
    with pytest.raises(TooMany):
        sign_in(session, hashing, ada.email, now=NOW + timedelta(minutes=5, seconds=-1))
    assert sign_in(session, hashing, ada.email, now=opens) == ada.id


def test_nine_wrong_passwords_and_right_ones_close_nothing(session, ada, hashing):
    guess(session, hashing, ada.email, 9)
    for _ in range(20):
        assert sign_in(session, hashing, ada.email) == ada.id


def test_a_deactivated_user_cannot_sign_in_and_a_reactivated_one_can(session, ada, hashing):
    admin = factories.make_admin(session)
    with unit_of_work(session):
        accounts.deactivate(session, admin, ada.id, NOW)
    assert sign_in(session, hashing, ada.email) is None
    with unit_of_work(session):
        accounts.reactivate(session, admin, ada.id, NOW)
    assert sign_in(session, hashing, ada.email) == ada.id


def test_tries_are_forgotten_after_a_day(session, ada, hashing):
    guess(session, hashing, ada.email, 9)
    guess(session, hashing, ada.email, 1, now=NOW + timedelta(days=1))
    with unit_of_work(session):
        assert accounts.forget_attempts(session, NOW + timedelta(days=1, seconds=1)) == 9
    assert factories.row_counts(session)["login_attempts"] == 1


def test_the_address_and_the_user_name_of_one_account_are_counted_together(session, hashing):
    new = factories.account(Role.CUSTOMER, "Ada Buyer", username="ada")
    factories.sign_up(session, new)
    guess(session, hashing, new.email, 5)
    guess(session, hashing, "ada", 5)
    with pytest.raises(TooMany):
        guess(session, hashing, new.email, 1)
