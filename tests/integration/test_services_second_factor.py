"""Codes of an app and recovery codes: taken once each, near their time, and wrong ones are counted."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select

from portal.adapters.sealing import seal, unseal
from portal.core.errors import InvalidInput, TooMany
from portal.core.roles import Origin
from portal.models import Event, Message, RecoveryCode, SecondFactor, User
from portal.services import accounts, second_factor
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW

KEY = "a key of the tests that is long enough"
HERE = Origin("192.0.2.1", "")
STEP = timedelta(seconds=30)


@pytest.fixture
def ada(session):
    return factories.make_customer(session)


@pytest.fixture
def set_up(session, ada):
    """Two-factor sign-in of Ada's: the app, and the recovery codes."""
    secret, codes = factories.second_factor_of(session, ada, KEY)
    return pyotp.TOTP(secret), codes


def fits(session, ada, code, now=NOW, origin=HERE, key=KEY):
    try:
        with second_factor.checked(session, key, ada.id, code, origin, now):
            return True
    except InvalidInput as invalid:
        assert set(invalid.errors) == {"otp"}
        return False


def test_a_code_is_taken_once_and_none_before_it(session, ada, set_up):
    app, _ = set_up
    later = NOW + 4 * STEP
    assert not fits(session, ada, app.at(NOW)), "it turned two-factor sign-in on"
    assert fits(session, ada, app.at(later), later)
    assert not fits(session, ada, app.at(later), later)
    assert not fits(session, ada, app.at(later - STEP), later), "older than the last one"
    assert fits(session, ada, app.at(later + STEP), later + STEP)


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_a_step_off(session, ada, set_up, steps, taken):
    app, _ = set_up
    later = NOW + 20 * STEP
    assert fits(session, ada, app.at(later + steps * STEP), later) == taken


def test_a_code_is_not_used_up_when_what_it_is_for_fails(session, ada, set_up):
    app, _ = set_up
    later = NOW + 4 * STEP
    with (
        pytest.raises(ZeroDivisionError),
        second_factor.checked(session, KEY, ada.id, app.at(later), HERE, later),
    ):
        raise ZeroDivisionError
    assert fits(session, ada, app.at(later), later)


def test_each_recovery_code_works_once_in_any_spelling(session, ada, set_up):
    codes = set_up[1]
    assert len(set(codes)) == 10
    assert fits(session, ada, codes[0]) and not fits(session, ada, codes[0])
    assert fits(session, ada, f" {codes[1].upper().replace('-', ' ')} ")
    assert fits(session, ada, codes[2], key="another key, as after a change of SECRET_KEY")
    assert second_factor.codes_left(session, ada) == 7


def test_new_codes_end_the_old_ones(session, ada, set_up):
    with unit_of_work(session):
        codes = second_factor.renew_codes(session, ada, HERE, NOW)
    assert not fits(session, ada, set_up[1][0]) and fits(session, ada, codes[0])


def test_nothing_is_kept_with_which_a_reader_could_sign_in(session, ada, set_up):
    app, codes = set_up
    kept = str(session.execute(select(SecondFactor.__table__)).all())
    kept += str(session.execute(select(RecoveryCode.__table__)).all())
    kept += str(session.execute(select(Message.__table__)).all())
    kept += str(session.execute(select(Event.__table__)).all())
    for secret in [app.secret, *codes]:
        assert secret not in kept and secret.replace("-", "") not in kept


def test_a_secret_sealed_with_another_key_is_none():
    assert unseal(KEY, seal(KEY, "text")) == "text"
    assert unseal(KEY, seal(KEY + "x", "text")) is None
    assert unseal(KEY, "never sealed") is None


def test_after_ten_wrong_codes_a_network_is_refused_and_each_is_recorded(session, ada, set_up):
    app, _ = set_up
    later = NOW + 4 * STEP
    for _ in range(10):
        assert not fits(session, ada, "000000", later)
    session.rollback()
    with pytest.raises(TooMany):
        fits(session, ada, app.at(later), later)
    over = later + timedelta(minutes=5)
    assert fits(session, ada, app.at(over), over)
    kinds = session.scalars(select(Event.kind).where(Event.actor_id.is_(None))).all()
    assert kinds.count("wrong_code") == 10


@pytest.mark.parametrize("code", ["", "1", "abcdef", "٣٣٣٣٣٣", "\ufffd", "0" * 40, "-" * 16])
def test_what_is_no_code_is_refused(session, ada, set_up, code):
    assert not fits(session, ada, code)


def test_it_is_not_in_force_before_its_first_code(session, ada):
    with unit_of_work(session):
        second_factor.begin(session, KEY, ada, NOW)
    assert not second_factor.is_active(session, ada.id)
    with pytest.raises(InvalidInput), unit_of_work(session):
        second_factor.activate(session, KEY, ada, "000000", HERE, NOW)
    assert not second_factor.is_active(session, ada.id)


def test_setting_up_again_does_not_replace_what_is_in_force(session, ada, set_up):
    with unit_of_work(session):
        second_factor.begin(session, KEY, ada, NOW)
    assert second_factor.find_secret(session, KEY, ada) is None
    later = NOW + 4 * STEP
    assert fits(session, ada, set_up[0].at(later), later)


def test_turning_it_off_leaves_nothing_and_is_told(session, ada, set_up):
    with unit_of_work(session):
        second_factor.turn_off(session, ada, HERE, NOW)
        second_factor.turn_off(session, ada, HERE, NOW)
    assert factories.row_counts(session)["recovery_codes"] == 0
    assert factories.row_counts(session)["second_factors"] == 0
    told = session.scalars(
        select(Message.facts).where(Message.kind == "second_factor_changed").order_by(Message.id)
    ).all()
    assert [facts["change"] for facts in told] == ["on", "off"]


@pytest.mark.parametrize(("verify", "kept"), [(True, 0), (False, 1)])
def test_a_reset_link_that_proves_the_address_ends_the_second_factor_of_whoever_signed_up_with_it(
    session, ada, set_up, verify, kept
):
    user = session.get_one(User, ada.id)
    user.email_verified_at = None
    session.commit()
    with unit_of_work(session):
        accounts.reset_password(session, ada.id, ada.session_version, "a hash", HERE, NOW, verify=verify)
    assert len(session.scalars(select(SecondFactor)).all()) == kept
