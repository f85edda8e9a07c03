"""Signing in: by address or username; guessing is refused before any hashing, and locks out nobody else."""

from datetime import timedelta

import pytest

from portal.adapters.passwords import Passwords
from portal.core.errors import InvalidInput, TooMany
from portal.core.roles import Origin, Role
from portal.core.sessions import PAGES_LAST
from portal.queries.sessions import find_session
from portal.services import accounts
from portal.services.attempts import KnownBrowser, forget_attempts
from portal.services.sign_in import authenticate
from portal.services.sign_in import sign_in as open_by_password
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


def sign_in(session, hashing, identifier, password=PASSWORD, address=HERE, now=NOW, **more):
    """Whose password it was, if it was somebody's."""
    origin = Origin(address, "Test Browser 1.0")
    found = authenticate(session, hashing, identifier, password, origin, now, **more)
    return found and found.user_id


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


def refused_for(session, hashing, identifier, **more):
    """For how many seconds even the right password is refused, before any hashing; 0 if it is not."""
    asked = hashing.asked
    try:
        assert sign_in(session, hashing, identifier, **more)
    except TooMany as refused:
        assert hashing.asked == asked
        return refused.retry_after
    return 0


def test_after_ten_wrong_passwords_a_network_is_refused_until_five_minutes_are_over(session, ada, hashing):
    for k in range(10):
        guess(session, hashing, ada.email, 1, address=f"198.51.100.{k}", now=NOW + timedelta(seconds=k))
    later = NOW + timedelta(seconds=100)
    assert refused_for(session, hashing, ada.email, address="198.51.100.77", now=later) == 201
    assert (
        refused_for(session, hashing, ada.email, address="198.51.100.77", now=NOW + timedelta(minutes=5)) == 0
    )


def test_ten_wrong_passwords_from_anywhere_slow_strangers_down_and_lock_nobody_out(session, ada, hashing):
    for k in range(10):
        guess(session, hashing, ada.email, 1, address=f"198.51.{k}.1", now=NOW + timedelta(seconds=k))
    last = NOW + timedelta(seconds=9)
    assert refused_for(session, hashing, ada.email, address="203.0.113.9", now=last) == 31
    over = last + timedelta(seconds=30)
    assert refused_for(session, hashing, ada.email, address="203.0.113.9", now=over) == 0


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("192.0.2.1", "192.0.2.200", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.2", True),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_networks_are_counted_not_addresses(session, ada, hashing, first, second, shared):
    guess(session, hashing, ada.email, address=first)
    # So much later strangers are not slowed down any more.
    later = NOW + timedelta(minutes=2)
    assert bool(refused_for(session, hashing, ada.email, address=second, now=later)) == shared


@pytest.mark.parametrize("role", ["customer", "admin"])
def test_a_browser_that_signed_in_before_is_not_locked_out_by_strangers(session, ada, hashing, role):
    person = ada if role == "customer" else factories.make_admin(session)
    own = KnownBrowser("own", frozenset([person.id]))
    guess(session, hashing, person.email)
    assert refused_for(session, hashing, person.email)
    assert not refused_for(session, hashing, person.email, browser=own)
    # It has ten wrong passwords of its own, which in turn lock out no stranger.
    guess(session, hashing, person.email, browser=own)
    assert refused_for(session, hashing, person.email, browser=own) == 301
    another = KnownBrowser("another", frozenset([person.id]))
    assert not refused_for(session, hashing, person.email, browser=another)
    assert not refused_for(session, hashing, person.email, now=NOW + timedelta(minutes=5))


def test_a_program_at_a_network_from_which_its_account_signed_in_is_not_slowed_by_strangers(
    session, ada, hashing
):
    there, later = factories.ORIGIN.address, NOW + timedelta(minutes=5)
    factories.open_session(session, ada)
    guess(session, hashing, ada.email, address="198.51.100.1", by_program=True)
    assert not refused_for(session, hashing, ada.email, address=there, by_program=True)
    # A program elsewhere, a browser there, and a program there of somebody else are strangers still.
    assert refused_for(session, hashing, ada.email, address="203.0.113.9", by_program=True)
    assert refused_for(session, hashing, ada.email, address=there)
    eve = factories.make_customer(session, "Eve Other")
    guess(session, hashing, eve.email, address="198.51.100.1")
    assert refused_for(session, hashing, eve.email, address=there, by_program=True)
    # It has ten wrong passwords of its own, which slow down no stranger.
    guess(session, hashing, ada.email, address=there, by_program=True)
    assert refused_for(session, hashing, ada.email, address=there, by_program=True) == 301
    guess(session, hashing, ada.email, 9, address=there, now=later, by_program=True)
    assert not refused_for(session, hashing, ada.email, address=there, now=later)


def test_a_browser_that_somebody_else_signed_in_with_is_a_stranger(session, ada, hashing):
    eve = factories.make_customer(session, "Eve Other")
    guess(session, hashing, ada.email)
    assert refused_for(session, hashing, ada.email, browser=KnownBrowser("hers", frozenset([eve.id])))


def test_what_strangers_guessed_does_not_count_for_a_browser_that_becomes_known(session, ada, hashing):
    own = KnownBrowser("own", frozenset([ada.id]))
    guess(session, hashing, ada.email, 9)
    guess(session, hashing, ada.email, 9, browser=own)
    assert not refused_for(session, hashing, ada.email)
    assert not refused_for(session, hashing, ada.email, browser=own)


def test_a_password_that_is_changed_meanwhile_opens_no_session(session, ada):
    class Slow(Passwords):
        """Hashing during which the password is changed by somebody else."""

        def matches(self, stored, password):
            with unit_of_work(session):
                accounts.change_password(session, ada.id, factories.password_hash(), NOW)
            return super().matches(stored, password)

    origin = Origin(HERE, "")
    slow = Slow(cheap=True)
    assert open_by_password(session, slow, ada.email, PASSWORD, origin, NOW, lasts=PAGES_LAST) is None
    assert factories.row_counts(session)["sessions"] == 0
    calm = Passwords(cheap=True)
    opened = open_by_password(session, calm, ada.email, PASSWORD, origin, NOW, lasts=PAGES_LAST)
    assert find_session(session, opened, NOW).actor.id == ada.id


def test_the_spelling_of_an_address_does_not_get_around_it(session, ada, hashing):
    guess(session, hashing, ada.email, 5)
    guess(session, hashing, ada.email.upper(), 5, address="198.51.100.7")
    with pytest.raises(TooMany):
        sign_in(session, hashing, f" {ada.email}", address="203.0.113.9")


def test_guessing_at_others_closes_no_account(session, ada, hashing):
    for k in range(20):
        guess(session, hashing, f"person{k}@example.com", 1)
    assert not refused_for(session, hashing, ada.email)


def test_a_known_and_an_unknown_address_answer_alike(session, ada, hashing):
    told = []
    for identifier, address in ((ada.email, "198.51.100.1"), ("nobody@example.com", "198.51.100.2")):
        guess(session, hashing, identifier, address=address)
        with pytest.raises(TooMany) as refused:
            sign_in(session, hashing, identifier, address=address)
        told.append((str(refused.value), refused.value.retry_after))
    assert told[0] == told[1]
    assert hashing.asked == 20


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
        assert forget_attempts(session, NOW + timedelta(days=1, seconds=1)) == 9
    assert factories.row_counts(session)["login_attempts"] == 1


def test_the_address_and_the_user_name_of_one_account_are_counted_together(session, hashing):
    new = factories.account(Role.CUSTOMER, "Ada Buyer", username="ada")
    factories.sign_up(session, new)
    guess(session, hashing, new.email, 5)
    guess(session, hashing, "ada", 5)
    with pytest.raises(TooMany):
        guess(session, hashing, new.email, 1)
