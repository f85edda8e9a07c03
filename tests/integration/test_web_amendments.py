"""Changing dates on the pages: what it means is shown before, and both sides answer there, with scripts and without."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy import text as sql

from portal.core.calendar import business_date
from portal.extensions import now
from portal.models import Amendment
from portal.services import shops
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import form_at, sign_in, text


def day(ahead):
    return business_date(now(), "UTC") + timedelta(days=ahead)


@pytest.fixture
def shop(session):
    yield factories.make_merchant(session, now=now())
    assert factories.broken_invariants(session) == []


@pytest.fixture
def ada(session):
    return factories.make_customer(session, now=now())


@pytest.fixture
def plan_id(session, shop, ada):
    """Three installments, due in 10 days and in the two months after."""
    return factories.accepted_plan(session, shop, ada, now=now(), first=day(10))


@pytest.fixture
def merchant(client, shop):
    sign_in(client, shop)
    return client


@pytest.fixture
def customer(app, ada):
    client = app.test_client()
    sign_in(client, ada)
    return client


def of_shop(plan_id, rest="new"):
    return f"/merchant/plans/{plan_id}/amendments/{rest}"


def of_customer(plan_id, rest="new"):
    return f"/customer/plans/{plan_id}/amendments/{rest}"


def send(client, path, page=None, **fields):
    """The form as it stands, with these fields changed; ``on_1`` is the day of the first installment."""
    days = {
        f"due_date-{name[3:]}": value.isoformat() for name, value in fields.items() if name.startswith("on_")
    }
    rest = {name: value for name, value in fields.items() if not name.startswith("on_")}
    return client.post(path, data=form_at(client, page or path, path) | days | rest)


def state(session):
    session.rollback()
    return session.scalars(select(Amendment.state).order_by(Amendment.number)).all()


def test_the_form_begins_with_the_present_dates(merchant, plan_id):
    sent = form_at(merchant, of_shop(plan_id), of_shop(plan_id))
    assert sent["due_date-1"] == day(10).isoformat() and "due_date-3" in sent
    unchanged = send(merchant, of_shop(plan_id))
    assert unchanged.status_code == 422 and "Change at least one date." in text(unchanged)


def test_the_preview_says_what_it_means_in_words(merchant, plan_id):
    sent = form_at(merchant, of_shop(plan_id), of_shop(plan_id))
    for ahead, said in (
        (15, "Nothing is due earlier."),
        (5, "more is due than before. The total stays the same."),
    ):
        data = sent | {"due_date-1": day(ahead).isoformat()}
        plain = merchant.post(of_shop(plan_id, "preview"), data=data)
        swapped = merchant.post(of_shop(plan_id, "preview"), data=data, headers={"HX-Request": "true"})
        assert said in text(plain) and said in text(swapped)
        assert plain.status_code == swapped.status_code == 200
        assert "<html" not in swapped.get_data(as_text=True)


def test_a_better_date_applies_at_once_and_the_customer_can_have_the_old_one(
    merchant, customer, session, plan_id
):
    answer = send(merchant, of_shop(plan_id), on_1=day(15), reason="As agreed on the phone")
    assert answer.location == of_shop(plan_id, 1) and state(session) == ["in_force"]
    assert "As agreed on the phone" in text(merchant.get(answer.location))
    page = customer.get(of_customer(plan_id, 1))
    assert "Do you want the old dates?" in text(page)
    kept = send(customer, of_customer(plan_id, "1/keep"), page=of_customer(plan_id, 1))
    assert kept.status_code == 303 and state(session) == ["in_force", "in_force"]


def test_a_worse_one_is_accepted_by_the_customer_with_the_box_and_the_hash(
    merchant, customer, session, plan_id
):
    send(merchant, of_shop(plan_id), on_1=day(5))
    assert "asks you to agree to new dates" in text(customer.get(f"/customer/plans/{plan_id}"))
    assert "wait for the customer" in text(merchant.get(f"/merchant/plans/{plan_id}"))
    page, path = of_customer(plan_id, 1), of_customer(plan_id, "1/accept")
    unread = send(customer, path, page=page)
    assert unread.status_code == 422 and "Tick the box" in text(unread)
    other = send(customer, path, page=page, agree="y", terms_hash="0" * 64)
    assert other.status_code == 409 and "other terms than were proposed" in text(other)
    assert state(session) == ["proposed"]
    assert send(customer, path, page=page, agree="y").status_code == 303
    assert state(session) == ["in_force"]
    assert factories.plan_of(
        session,
        factories.actor(session, session.scalars(select(Amendment.proposed_by)).one()),
        plan_id,
        now(),
    ).installments[0].due_on == day(5)


@pytest.mark.parametrize(("how", "ends"), [("accept", "in_force"), ("decline", "declined")])
def test_the_customer_asks_and_the_shop_answers(merchant, customer, session, plan_id, how, ends):
    asked = send(customer, of_customer(plan_id), on_1=day(14), reason="My wages come on the 13th")
    assert asked.location == of_customer(plan_id, 1) and state(session) == ["proposed"]
    page = of_shop(plan_id, 1)
    assert "My wages come on the 13th" in text(merchant.get(page))
    assert "asks for other dates" in text(merchant.get(f"/merchant/plans/{plan_id}"))
    assert send(merchant, of_shop(plan_id, f"1/{how}"), page=page).status_code == 303
    assert state(session) == [ends]


def test_who_asked_withdraws_it(customer, session, plan_id):
    send(customer, of_customer(plan_id), on_1=day(14))
    page = of_customer(plan_id, 1)
    assert send(customer, of_customer(plan_id, "1/withdraw"), page=page).status_code == 303
    assert state(session) == ["withdrawn"]


def test_faults_stand_at_their_fields_and_what_was_typed_stays(merchant, session, plan_id):
    refused = send(merchant, of_shop(plan_id), on_1=day(-1), on_2=day(-2), reason="Because")
    page = refused.get_data(as_text=True)
    assert refused.status_code == 422 and "Keep the installments in order" in text(refused)
    assert page.count('aria-invalid="true"') == 2 and day(-1).isoformat() in page and "Because" in page
    letters = merchant.post(
        of_shop(plan_id), data=form_at(merchant, of_shop(plan_id), of_shop(plan_id)) | {"due_date-1": "soon"}
    )
    assert letters.status_code == 422 and "Enter a date, such as" in text(letters)
    assert state(session) == []


def test_a_second_one_waits_for_the_first(merchant, customer, session, plan_id):
    send(customer, of_customer(plan_id), on_1=day(14))
    second = send(merchant, of_shop(plan_id), on_1=day(20))
    assert second.status_code == 409 and "waits for an answer" in text(second)
    assert "Change dates" not in text(merchant.get(f"/merchant/plans/{plan_id}"))


def test_what_was_paid_meanwhile_withdraws_it_and_says_so(merchant, customer, session, ada, plan_id):
    send(merchant, of_shop(plan_id), on_1=day(5))
    sent = form_at(customer, of_customer(plan_id, 1), of_customer(plan_id, "1/accept"))
    factories.pay(session, ada, plan_id, 1, now=now())
    answer = customer.post(of_customer(plan_id, "1/accept"), data=sent | {"agree": "y"})
    assert answer.status_code == 409 and "paid or cancelled meanwhile" in text(answer)
    assert state(session) == ["withdrawn"]


def test_the_terms_page_shows_every_version_with_its_hash_and_who_agreed(
    merchant, customer, session, shop, plan_id
):
    """Worse and better ones of the shop, one that the customer asks for, one of the customer alone, one declined."""
    send(merchant, of_shop(plan_id), on_1=day(5))
    send(customer, of_customer(plan_id, "1/accept"), page=of_customer(plan_id, 1), agree="y")
    send(merchant, of_shop(plan_id), on_1=day(6))
    send(customer, of_customer(plan_id), on_1=day(7))
    merchant.submit(of_shop(plan_id, "3/accept"), {}, page=of_shop(plan_id, 3))
    with unit_of_work(session):
        shops.allow_moves(session, shop, 14)
    send(customer, of_customer(plan_id), on_1=day(8))
    send(merchant, of_shop(plan_id), on_1=day(5))
    customer.submit(of_customer(plan_id, "5/decline"), {}, page=of_customer(plan_id, 5))
    assert state(session) == [*["in_force"] * 4, "declined"]
    hashes = session.scalars(select(Amendment.terms_hash).order_by(Amendment.number)).all()
    for client, side in ((merchant, "merchant"), (customer, "customer")):
        page = text(client.get(f"/{side}/plans/{plan_id}/terms"))
        assert all(shown in page for shown in hashes[:4]) and hashes[4] not in page
        parts = [part.split("SHA-256")[0] for part in page.split("New dates, change ")[1:]]
        assert ["Not needed, as nothing is due earlier" in part for part in parts] == [
            False,
            True,
            False,
            False,
        ]
        assert ["Not needed, as the shop allows this" in part for part in parts] == [
            False,
            False,
            False,
            True,
        ]


@pytest.mark.parametrize("database_role", ["owner"])
def test_a_version_that_was_tampered_with_is_not_said_to_hold(
    session, customer, shop, plan_id, database_role
):
    factories.amend(session, shop, plan_id, {1: day(15)}, now=now())
    said = "this text is not the one that was accepted"
    assert said not in text(customer.get(f"/customer/plans/{plan_id}/terms"))
    on_table = " ON amendments" if session.get_bind().dialect.name == "postgresql" else ""
    # Only the owner of the tables can take the triggers away.
    with unit_of_work(session):
        for trigger in ("amendments_keep_proposals", "amendments_stay_ended"):
            session.execute(sql(f"DROP TRIGGER {trigger}{on_table}"))
    kept = session.scalars(select(Amendment.terms)).one()
    rewrite(session, kept.replace("free", "dear"))
    page = text(customer.get(f"/customer/plans/{plan_id}/terms"))
    rewrite(session, kept)
    assert said in page


def rewrite(session, terms):
    with unit_of_work(session):
        session.execute(update(Amendment).values(terms=terms))


def test_what_is_owed_is_spread_with_a_preview_and_the_customer_sees_both(
    session, merchant, customer, plan_id
):
    path = of_shop(plan_id, "spread")
    fields = {"num_installments": "2", "frequency": "monthly", "start_date": day(100).isoformat()}
    shown = form_at(merchant, path, path)
    preview = text(merchant.post(of_shop(plan_id, "spread/preview"), data=shown | fields))
    assert "Nothing is due earlier." in preview and "$50.00" in preview
    answer = merchant.post(path, data=shown | fields | {"reason": "Out of work"})
    assert answer.status_code == 303
    assert session.scalars(select(Amendment.state)).one() == "in_force"
    session.rollback()
    page = text(customer.get(f"/customer/plans/{plan_id}"))
    assert page.count("Moved") >= 3 and page.count(" moved</span>") == 3
    assert "Out of work" in text(customer.get(of_customer(plan_id, "1")))
    assert "nothing is forgiven" in text(customer.get(f"/customer/plans/{plan_id}/terms"))


def test_a_customer_asks_to_spread_and_a_date_that_has_passed_is_named(merchant, customer, plan_id):
    path = of_customer(plan_id, "spread")
    fields = form_at(customer, path, path)
    page = text(customer.post(path, data=fields | {"start_date": day(-3).isoformat()}))
    assert 'id="start_date-error"' in page
    page = text(customer.post(path, data=fields | {"num_installments": "61", "frequency": "daily"}))
    assert 'id="num_installments-error"' in page or 'id="frequency-error"' in page
    assert customer.post(path, data=fields | {"start_date": day(50).isoformat()}).status_code == 303
    assert "for other dates" in text(merchant.get(f"/merchant/plans/{plan_id}"))


def test_a_customer_moves_the_next_date_alone_where_the_settings_allow_it(
    session, merchant, customer, plan_id
):
    assert merchant.submit("/merchant/settings", {"move_days": "5"}).status_code == 303
    path = of_customer(plan_id)
    assert "by up to 5 days without asking" in text(customer.get(path))
    fields = form_at(customer, path, path) | {"due_date-1": day(14).isoformat()}
    assert "applies at once" in text(customer.post(of_customer(plan_id, "preview"), data=fields))
    assert customer.post(path, data=fields).status_code == 303
    assert session.scalars(select(Amendment.state)).one() == "in_force"
    session.rollback()
    assert "without asking" not in text(customer.get(path))


def test_a_preview_of_a_plan_that_has_changed_says_so_and_is_no_error_to_the_browser(merchant, plan_id):
    sent = form_at(merchant, of_shop(plan_id), of_shop(plan_id)) | {"due_date-1": day(5).isoformat()}
    send(merchant, of_shop(plan_id), on_1=day(5))
    plain = merchant.post(of_shop(plan_id, "preview"), data=sent)
    swapped = merchant.post(of_shop(plan_id, "preview"), data=sent, headers={"HX-Request": "true"})
    assert (plain.status_code, swapped.status_code) == (409, 200)
    for answer in (plain, swapped):
        assert "waits for an answer" in text(answer)
