"""A shop saves the schedule that it offers often, fills a new plan from it, and renames or deletes it."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from portal.core.plan_templates import MOST_TEMPLATES
from portal.models import Plan, PlanTemplate
from tests import factories
from tests.browserlike import form_at, sign_in, text

NEW, SAVE, USE = "/merchant/plans/new", "/merchant/plans/template/save", "/merchant/plans/template"
PAGE = "/merchant/templates"
TYPED = {"customer_email": "half-typed", "description": "Oak table", "total_amount": "250.00"}


@pytest.fixture
def merchant(client, shop):
    sign_in(client, shop)
    return client


def save(client, **more):
    """Send the builder as it is first shown, with these fields, to be saved as a template."""
    return client.post(SAVE, data=form_at(client, NEW, NEW) | TYPED | more)


def templates(session):
    session.rollback()
    return session.execute(select(*PlanTemplate.__table__.c).order_by(PlanTemplate.name)).all()


def chosen(client, session, **more):
    (template,) = templates(session)
    typed = form_at(client, NEW, NEW) | TYPED | {"template": str(template.id)}
    return client.post(USE, data=typed | more.pop("data", {}), **more)


def test_what_is_typed_is_saved_and_stays_in_the_form(merchant, session):
    monthly = {"num_installments": "6", "day_of_month": "15", "deposit": "12.5%", "valid_days": "14"}
    answer = save(merchant, template_name="  Furniture ", **monthly)
    assert answer.status_code == 200 and "Saved as template Furniture." in text(answer)
    for value in (*TYPED.values(), "12.5%"):
        assert f'value="{value}"' in text(answer)
    (kept,) = templates(session)
    assert (kept.name, kept.num_installments, kept.frequency, kept.first_due) == (
        "Furniture",
        6,
        "monthly",
        "date",
    )
    assert (kept.day_of_month, kept.deposit, kept.valid_days) == ("15", 1250, 14)
    assert session.scalars(select(Plan)).all() == [], "no offer is sent"


def test_what_cannot_be_saved_is_named_at_its_field_and_the_rest_of_the_form_is_not_looked_at(
    merchant, session
):
    for field, more in (
        ("template_name", {}),
        ("template_name", {"template_name": "4111 1111 1111 1111"}),
        ("deposit", {"template_name": "A", "deposit": "20.00"}),
        ("num_installments", {"template_name": "A", "num_installments": "61"}),
        ("valid_days", {"template_name": "A", "valid_days": "0"}),
        ("frequency", {"template_name": "A", "frequency": "daily"}),
    ):
        refused = save(merchant, **more)
        assert refused.status_code == 422 and f'href="#{field}"' in text(refused), more
        assert 'href="#customer_email"' not in text(refused), "an offer is not sent yet"
    assert templates(session) == []


def test_a_name_is_taken_once_and_there_is_a_limit(merchant, session, shop):
    assert save(merchant, template_name="Furniture").status_code == 200
    again = save(merchant, template_name="Furniture")
    assert again.status_code == 422 and "Another template has this name." in text(again)
    for n in range(MOST_TEMPLATES - 1):
        factories.save_template(session, shop, f"Template {n}")
    full = save(merchant, template_name="One more")
    assert full.status_code == 409 and "A shop can have 50 templates." in text(full)
    assert len(templates(session)) == MOST_TEMPLATES


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_a_new_plan_is_filled_in_from_it_and_what_was_typed_stays(merchant, session, shop, headers):
    factories.save_template(session, shop, num_installments=6, day_of_month="15", valid_days=14)
    page = text(chosen(merchant, session, headers=headers))
    assert ("<html" in page) is not headers
    for value in (*TYPED.values(), "6", "20%", "14"):
        assert f'value="{value}"' in page
    assert re.search(r'<option selected value="15">', page)
    assert "$50.00" in page, "the deposit is in the preview"
    assert "field-error" not in page, "an address that is still being typed is no fault"


def test_lines_of_their_own_give_way_to_it(merchant, session, shop):
    factories.save_template(session, shop)
    lines = {"frequency": "own", "lines-0-amount": "250.00", "lines-0-due_date": "2030-01-01"}
    page = text(chosen(merchant, session, data=lines))
    assert "lines-0-amount" not in page and 'name="num_installments"' in page


def test_without_script_the_choice_alone_fills_in_the_form(merchant, session, shop):
    factories.save_template(session, shop)
    (template,) = templates(session)
    choice = form_at(merchant, NEW, USE) | {"template": str(template.id)}
    assert 'value="20%"' in text(merchant.post(USE, data=choice))


def test_it_is_renamed_and_deleted(merchant, session, shop):
    factories.save_template(session, shop, "Furniture")
    factories.save_template(session, shop, "Bicycles")
    assert text(merchant.get(PAGE)).index("Bicycles") < text(merchant.get(PAGE)).index("Furniture")
    bicycles, furniture = templates(session)
    rename = f"{PAGE}/{furniture.id}/rename"
    taken = merchant.submit(rename, {"template_name": "Bicycles"}, page=PAGE)
    assert taken.status_code == 422 and "Another template has this name." in text(taken)
    assert merchant.submit(rename, {"template_name": "Sofas"}, page=PAGE).status_code == 303
    assert merchant.submit(f"{PAGE}/{bicycles.id}/delete", {}, page=PAGE).status_code == 303
    assert [template.name for template in templates(session)] == ["Sofas"]


def test_another_shops_template_is_not_found(app, client, session, shop):
    factories.save_template(session, shop)
    (template,) = templates(session)
    sign_in(client, factories.make_merchant(session, "Another Shop"))
    assert "A fifth down" not in text(client.get(PAGE))
    typed = form_at(client, NEW, NEW) | {"template": str(template.id)}
    assert client.post(USE, data=typed).status_code == 404
    token = {"csrf_token": typed["csrf_token"]}
    assert (
        client.post(f"{PAGE}/{template.id}/rename", data=token | {"template_name": "Mine"}).status_code == 404
    )
    assert client.post(f"{PAGE}/{template.id}/delete", data=token).status_code == 404
    assert [kept.name for kept in templates(session)] == ["A fifth down"]
