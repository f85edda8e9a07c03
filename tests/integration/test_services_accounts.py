"""Accounts: one per address, faults at their fields, and sessions that end with the password or the account."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from portal.core.errors import Conflict, InvalidInput, NotFound
from portal.core.roles import Role
from portal.models import Event, Merchant, User, new_id
from portal.queries.accounts import find_actor, session_version
from portal.queries.calendars import find_key
from portal.queries.sessions import find_session
from portal.services import accounts, calendars
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, account, sign_up


def fields_at_fault(session, new):
    before = factories.row_counts(session)
    with pytest.raises(InvalidInput) as refused:
        sign_up(session, new)
    assert factories.row_counts(session) == before
    return set(refused.value.errors)


def test_a_shop_gets_its_currency_zone_and_support_address(session):
    shop = sign_up(session, account(Role.MERCHANT, "Kuwait Shop", currency="KWD", timezone="Asia/Kuwait"))
    assert (shop.role, shop.currency, shop.timezone) == (Role.MERCHANT, "KWD", "Asia/Kuwait")
    row = session.get_one(Merchant, shop.id)
    assert (row.user_id, row.name, row.support_email) == (shop.id, "Kuwait Shop", shop.email)


def test_a_customer_has_no_shop(session):
    ada = factories.make_customer(session)
    assert (ada.role, ada.currency, ada.timezone) == (Role.CUSTOMER, "", "UTC")
    assert session.get(Merchant, ada.id) is None


def test_an_address_is_taken_whatever_its_case_and_role(session, ada):
    for spelling in ("ada.buyer@example.com", "ADA.Buyer@example.com"):
        for role in (Role.CUSTOMER, Role.MERCHANT):
            assert fields_at_fault(session, account(role, "Somebody Else", email=spelling)) == {"email"}


def test_a_user_name_is_taken_whatever_its_case(session):
    sign_up(session, account(Role.CUSTOMER, "Ada Buyer", username="Countess"))
    assert fields_at_fault(session, account(Role.CUSTOMER, "Eve Other", username="countess")) == {"username"}


@pytest.mark.parametrize(
    ("first", "twin"),
    [
        ("\u00c9LAN", "\u00e9lan"),
        ("ada", "\uff21da"),
        ("stra\u00dfe", "Strasse"),
        ("\u0399\u03a3", "\u03b9\u03c2"),
    ],
)
def test_a_user_name_is_taken_whatever_its_width_and_composition(session, first, twin):
    sign_up(session, account(Role.CUSTOMER, "Ada Buyer", username=first))
    assert fields_at_fault(session, account(Role.CUSTOMER, "Eve Other", username=twin)) == {"username"}


def test_a_user_name_cannot_be_somebodys_address(session, ada):
    assert fields_at_fault(session, account(Role.CUSTOMER, "Eve Other", username=ada.email)) == {"username"}


def test_every_field_at_fault_is_named_at_once(session, app):
    bad = accounts.NewAccount(Role.MERCHANT, "", "nobody", "no body", "short", "other", "XXX", "Mars/Olympus")
    assert fields_at_fault(session, bad) == {"name", "email", "username", "password", "currency", "timezone"}


def test_a_customer_is_not_asked_for_currency_and_zone(session):
    assert (
        sign_up(session, account(Role.CUSTOMER, "Ada Buyer", currency="", timezone="")).role is Role.CUSTOMER
    )


def test_a_new_password_ends_links_sessions_and_the_calendar(session, ada):
    with unit_of_work(session):
        calendars.open_calendar(session, ada, NOW)
    here, elsewhere = factories.open_session(session, ada), factories.open_session(session, ada)
    with unit_of_work(session):
        accounts.change_password(session, ada.id, factories.password_hash(), NOW, keep=here)
    assert find_actor(session, ada.id, ada.session_version) is None
    assert session_version(session, ada.id) == ada.session_version + 1
    assert find_session(session, here, NOW).actor.id == ada.id
    assert find_session(session, elsewhere, NOW) is None
    assert find_key(session, ada) is None
    session.rollback()
    with unit_of_work(session):
        hashed = factories.password_hash()
        accounts.reset_password(session, ada.id, ada.session_version + 1, hashed, factories.ORIGIN, NOW)
    assert find_session(session, here, NOW) is None


def test_deactivating_ends_every_session_for_good(session, ada):
    admin, opened = factories.make_admin(session), factories.open_session(session, ada)
    with unit_of_work(session):
        calendars.open_calendar(session, ada, NOW)
    with unit_of_work(session):
        accounts.deactivate(session, admin, ada.id, NOW)
    assert find_session(session, opened, NOW) is None
    for version in (ada.session_version, session_version(session, ada.id)):
        assert find_actor(session, ada.id, version) is None
    with unit_of_work(session):
        accounts.reactivate(session, admin, ada.id, NOW)
    assert find_actor(session, ada.id, ada.session_version) is None
    assert find_actor(session, ada.id, session_version(session, ada.id)).id == ada.id
    assert find_session(session, opened, NOW) is None
    assert find_key(session, ada) is None


def test_deactivating_twice_is_one_event_and_nobody_deactivates_oneself(session, ada):
    admin = factories.make_admin(session)
    for _ in range(2):
        with unit_of_work(session):
            accounts.deactivate(session, admin, ada.id, NOW)
    kinds = session.scalars(select(Event.kind).where(Event.actor_id == admin.id)).all()
    assert kinds.count("user_deactivated") == 1
    with pytest.raises(Conflict), unit_of_work(session):
        accounts.deactivate(session, admin, admin.id, NOW)
    with pytest.raises(NotFound), unit_of_work(session):
        accounts.deactivate(session, admin, new_id(), NOW)


def test_an_admin_is_made_once_per_address(session, ada):
    factories.make_admin(session)
    for name in ("Portal Admin", "Ada Buyer"):
        with pytest.raises(InvalidInput) as refused:
            factories.make_admin(session, name)
        assert list(refused.value.errors) == ["email"]


def test_a_profile_is_changed_or_refused_at_its_field(session, ada):
    with unit_of_work(session):
        accounts.change_profile(session, ada, " Ada Lovelace ", "en", "times_out", NOW)
    user = session.get_one(User, ada.id, populate_existing=True)
    assert (user.name, user.test_card) == ("Ada Lovelace", "times_out")
    for name, card, field in (("", "succeeds", "name"), ("Ada", "4111111111111111", "test_card")):
        with pytest.raises(InvalidInput) as refused, unit_of_work(session):
            accounts.change_profile(session, ada, name, "en", card, NOW)
        assert list(refused.value.errors) == [field]


def test_a_shop_keeps_its_currency_and_names_every_fault(session, shop):
    with unit_of_work(session):
        accounts.change_shop(session, shop, "New Name", "Help@Example.com", "Asia/Tokyo", NOW)
    row = session.get_one(Merchant, shop.id, populate_existing=True)
    assert (row.name, row.support_email, row.timezone) == ("New Name", "help@example.com", "Asia/Tokyo")
    assert row.currency == "USD"
    with pytest.raises(InvalidInput) as refused, unit_of_work(session):
        accounts.change_shop(session, shop, "\0", "nobody", "Mars/Olympus", NOW)
    assert set(refused.value.errors) == {"name", "support_email", "timezone"}


def test_the_currency_changes_until_the_first_offer_and_then_stays(session, shop):
    def change(currency):
        accounts.change_shop(session, shop, "Shop", "help@example.com", "UTC", NOW, currency)

    with unit_of_work(session):
        change("KWD")
    assert session.get_one(Merchant, shop.id, populate_existing=True).currency == "KWD"
    with pytest.raises(InvalidInput) as unknown, unit_of_work(session):
        change("XXX")
    assert list(unknown.value.errors) == ["currency"]
    with pytest.raises(Conflict, match="currency has changed"):
        factories.offered_plan(session, shop, "ada.buyer@example.com")
    session.rollback()
    factories.offered_plan(session, replace(shop, currency="KWD"), "ada.buyer@example.com")
    with pytest.raises(InvalidInput) as fixed, unit_of_work(session):
        change("USD")
    assert list(fixed.value.errors) == ["currency"]
    assert session.get_one(Merchant, shop.id, populate_existing=True).currency == "KWD"
