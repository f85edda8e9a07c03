"""The plan builder: what is previewed is what is offered; bad input names its field and keeps what was typed."""

from __future__ import annotations

import html
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from portal.extensions import now
from portal.models import Plan
from portal.presentation import formats
from tests import factories
from tests.browserlike import Forms, form_at, text

NEW, PREVIEW = "/merchant/plans/new", "/merchant/plans/preview"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def merchant(client, shop):
    signed_in = client.submit("/login", {"email": shop.email, "password": factories.PASSWORD})
    assert signed_in.status_code == 303
    return client


def answers(**other):
    given = {
        "customer_email": "buyer@example.com",
        "description": "Oak table",
        "total_amount": "100.00",
        "num_installments": "3",
        "frequency": "monthly",
        "start_date": now().date().isoformat(),
    }
    return given | other


def token(client):
    return {"csrf_token": Forms(text(client.get(NEW))).all[0].fields["csrf_token"]}


def count_plans(session):
    session.rollback()
    return session.scalars(select(func.count()).select_from(Plan)).one()


def test_an_offer_leads_to_the_plan(session, merchant):
    sent = merchant.submit(NEW, answers())
    assert sent.status_code == 303
    plan = session.scalars(select(Plan)).one()
    assert sent.location == f"/merchant/plans/{plan.id}"
    assert (plan.total, plan.num_installments, plan.state) == (10000, 3, "offered")
    page = text(merchant.get(sent.location))
    assert "The offer is sent to buyer@example.com." in page
    assert "Revoke offer" in page


def test_the_fields_have_the_types_that_suit_them(merchant):
    page = text(merchant.get(NEW))
    for name, kind in (
        ("customer_email", "email"),
        ("description", "text"),
        ("total_amount", "text"),
        ("num_installments", "number"),
        ("start_date", "date"),
    ):
        field = next(tag for tag in page.split("<input")[1:] if f'name="{name}"' in tag.split(">")[0]).split(
            ">"
        )[0]
        assert f'type="{kind}"' in field
    assert 'inputmode="decimal"' in page
    assert "<select aria" in page or "<select class" in page


def test_the_preview_is_what_the_offer_becomes(session, merchant, ada, count_statements):
    asked = answers(
        customer_email=ada.email, start_date="2027-01-31", total_amount="1000.01", num_installments="7"
    )
    sent_token = token(merchant)
    with count_statements() as statements:
        shown = merchant.post(PREVIEW, data=sent_token | asked, headers=HTMX)
    preview = text(shown)
    assert shown.status_code == 200
    assert len(statements) <= 1
    assert preview.lstrip().startswith('<section id="preview"')
    assert "<html" not in preview
    assert count_plans(session) == 0, "a preview writes nothing"
    merchant.submit(NEW, asked)
    session.rollback()
    plan_id = session.scalars(select(Plan.id)).one()
    plan = factories.plan_of(session, ada, plan_id, now())
    for line in plan.installments:
        assert formats.day(line.due_on, "en") in preview
        assert formats.money(line.amount, "USD", "en") in preview
    assert preview.count("<tr>") == 1 + 7 + 2, "a head, the lines, the total and the difference"
    assert "$1,000.01" in preview
    assert "Difference from the total" in preview
    assert "$0.00" in preview


def test_without_script_the_preview_stands_on_the_page_with_all_that_was_typed(merchant):
    asked = answers(customer_email="half-typed", description="Chair & table")
    shown = merchant.post(PREVIEW, data=token(merchant) | asked)
    page = text(shown)
    assert shown.status_code == 200
    assert "$33.34" in page
    for value in asked.values():
        assert f'value="{html.escape(value)}"' in page
    assert "aria-invalid" not in page, "an address that is still being typed is no fault yet"


def test_days_that_are_past_are_named(merchant):
    past = (now() - timedelta(days=40)).date().isoformat()
    preview = text(merchant.post(PREVIEW, data=token(merchant) | answers(start_date=past), headers=HTMX))
    assert preview.count("Already overdue") == 2
    assert "2 due dates have passed" in preview


def test_an_unfinished_form_is_no_mistake_yet(merchant):
    preview = merchant.post(PREVIEW, data=token(merchant) | answers(total_amount=""), headers=HTMX)
    assert preview.status_code == 200
    assert "Enter the total" in text(preview)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("total_amount", "abc"),
        ("num_installments", "61"),
        ("start_date", "1999-01-01"),
        ("frequency", "daily"),
    ],
)
def test_a_preview_of_what_cannot_be_names_the_field(merchant, field, value):
    label = {
        "total_amount": "Total amount",
        "num_installments": "Number of installments",
        "start_date": "First due date",
        "frequency": "How often",
    }[field]
    sent = token(merchant) | answers(**{field: value})
    preview = merchant.post(PREVIEW, data=sent, headers=HTMX)
    assert preview.status_code == 200, "what is still being typed is no error to a browser"
    assert f"<strong>{label}:</strong>" in text(preview)
    assert merchant.post(PREVIEW, data=sent).status_code == 422


BAD = [
    *(
        ("customer_email", value)
        for value in (
            "",
            "x",
            "a@b",
            "a b@example.com",
            "corner.shop@example.com",
            "x" * 300 + "@example.com",
            "a\0@example.com",
            "küste@example.com",
        )
    ),
    *(("description", value) for value in ("", "  ", "x" * 201, "a\0b", "4111 1111 1111 1111", "two\nlines")),
    *(
        ("total_amount", value)
        for value in (
            "",
            "abc",
            "0",
            "-5",
            "1.234",
            "NaN",
            "1e5",
            "9" * 5000,
            "\0",
            "10000000000.01",
        )
    ),
    *(
        ("num_installments", value)
        for value in ("", "0", "61", "-1", "1.5", "٣", "1_0", " ", "9" * 5000, "\0", "x")
    ),
    *(("frequency", value) for value in ("", "daily", "\0", "x" * 5000)),
    *(
        ("start_date", value)
        for value in ("", "tomorrow", "2026-02-30", "0001-01-01", "9999-12-31", "\0", "9" * 5000)
    ),
]


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_bad_input_names_its_field_and_keeps_what_was_typed(session, merchant):
    """One test for the whole corpus, since each value needs the same page and leaves nothing behind."""
    sent_token = token(merchant)
    for field, value in BAD:
        raw = value.encode("utf-8", "surrogatepass")
        refused = merchant.post(NEW, data=sent_token | answers(**{field: raw}))
        page, case = text(refused), (field, value[:40])
        assert refused.status_code == 422, case
        assert f'id="{field}-error"' in page, case
        assert f'href="#{field}"' in page, case
        for name, kept in answers().items():
            if name not in (field, "frequency"):
                assert f'value="{kept}"' in page, (case, name)
        if value.strip() and value.isprintable() and field != "frequency":
            # What is much too long comes back cut.
            kept = f'value="{html.escape(value)}"' if len(value) < 1000 else f'value="{value[:10]}'
            assert kept in page, case
    assert count_plans(session) == 0


def test_every_field_at_fault_is_named_at_once(merchant):
    page = text(merchant.post(NEW, data=token(merchant)))
    for field in ("total_amount", "num_installments", "start_date"):
        assert f'id="{field}-error"' in page
    page = text(merchant.submit(NEW, answers(customer_email="x", description="", num_installments="99")))
    for field in ("customer_email", "description", "num_installments"):
        assert f'id="{field}-error"' in page


def test_an_amount_is_typed_in_the_shops_currency(session, client):
    shop = factories.make_merchant(session, "Kuwait Shop", currency="KWD", timezone="Asia/Kuwait")
    client.submit("/login", {"email": shop.email, "password": factories.PASSWORD})
    assert client.submit(NEW, answers(total_amount="10.005")).status_code == 303
    assert session.scalars(select(Plan.total)).one() == 10005


@pytest.mark.parametrize(
    "typed", ["1.250,00", "1,250", "$1 250", "\u0661\u066c\u0662\u0665\u0660\u066b\u0660\u0660"]
)
def test_an_amount_is_typed_as_people_write_it_and_the_preview_shows_how_it_was_read(
    session, merchant, typed
):
    preview = merchant.post(PREVIEW, data=token(merchant) | answers(total_amount=typed), headers=HTMX)
    assert preview.status_code == 200 and "$1,250.00" in text(preview)
    assert merchant.submit(NEW, answers(total_amount=typed)).status_code == 303
    assert session.scalars(select(Plan.total)).one() == 125000


def test_an_amount_that_may_be_meant_in_two_ways_is_refused_with_both_and_kept(session, merchant):
    for path, more, status in ((PREVIEW, HTMX, 200), (NEW, {}, 422)):
        answer = merchant.post(path, data=token(merchant) | answers(total_amount="1.250"), headers=more)
        assert answer.status_code == status
        assert "1250.00 or as 1.250" in text(answer)
    assert 'value="1.250"' in text(answer)
    assert count_plans(session) == 0


def test_a_customer_has_no_builder(client, ada):
    client.submit("/login", {"email": ada.email, "password": factories.PASSWORD})
    assert client.get(NEW).status_code == 403


@pytest.mark.parametrize("days", [1, 45, 60])
def test_the_shop_chooses_how_long_the_offer_can_be_answered(merchant, session, days):
    assert merchant.submit(NEW, answers(valid_days=str(days))).status_code == 303
    plan = session.scalars(select(Plan)).one()
    assert (plan.last_day - now().date()).days == days


@pytest.mark.parametrize("days", ["0", "61", "-3", "soon", ""])
def test_other_numbers_of_days_are_refused_at_their_field(merchant, session, days):
    refused = merchant.submit(NEW, answers(valid_days=days))
    assert refused.status_code == 422 and 'id="valid_days-error"' in refused.get_data(as_text=True)
    assert session.scalars(select(Plan)).all() == []


def test_a_plan_is_copied_into_the_form_without_its_dates(merchant, session, shop):
    plan_id = factories.offered_plan(session, shop, "ada.buyer@example.com", now=now(), parts=5)
    assert "Copy to a new offer" in text(merchant.get(f"/merchant/plans/{plan_id}"))
    sent = form_at(merchant, f"{NEW}?copy={plan_id}", NEW)
    assert (sent["customer_email"], sent["description"]) == ("ada.buyer@example.com", "Oak table")
    assert (sent["total_amount"], sent["num_installments"], sent["valid_days"]) == ("100.00", "5", "30")
    assert merchant.get(f"{NEW}?copy={uuid4()}").status_code == 404
    assert merchant.get(f"{NEW}?copy=x").status_code == 200
