"""The search of a shop's plans and of the admin's: the same on both engines, kept with what it finds, by an index."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from portal.models import Plan, PlanWords
from portal.queries import admin, merchant, searching
from portal.queries.merchant import PlanListQuery
from portal.services import accounts, search_words
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW


def found(session, shop, search):
    """The descriptions of the plans that the shop's list shows, which its totals count too."""
    session.rollback()
    listing = PlanListQuery(search=search)
    page, counted = merchant.page_and_totals(session, shop, NOW, listing)
    assert counted == merchant.totals(session, shop, NOW, listing)
    assert page == merchant.list_plans(session, shop, NOW, listing)
    plans = page.plans
    session.rollback()
    assert counted.count == len(plans)
    return sorted(plan.description for plan in plans)


def found_by_admin(session, search):
    session.rollback()
    plans = admin.list_plans(session, NOW, search=search)
    session.rollback()
    return sorted(plan.description for plan in plans)


@pytest.fixture
def plans(session, shop):
    """One plan in each script; those of Zoë and Fatima are agreed."""
    zoe = factories.sign_up(
        session, factories.account(factories.Role.CUSTOMER, "Zoë O’Hara", email="zoe@example.com")
    )
    fatima = factories.sign_up(
        session,
        factories.account(factories.Role.CUSTOMER, "فاطمة أحمد", email="fatima@example.com"),
    )
    factories.accepted_plan(session, shop, zoe, description="Küchentisch, groß", total=125000)
    factories.accepted_plan(session, shop, fatima, description="دراجة هوائية", total=24990)
    factories.offered_plan(session, shop, "leser@bücher.example", description="自転車 赤", total=9900)
    return zoe, fatima


CASES = {
    "kuchen": ["Küchentisch, groß"],
    "GROSS küchen": ["Küchentisch, groß"],
    "o'hara zoe": ["Küchentisch, groß"],
    "zo": ["Küchentisch, groß"],
    "1.250,00": ["Küchentisch, groß"],
    "احمد": ["دراجة هوائية"],
    "دراجه": ["دراجة هوائية"],
    "٢٤٩٫٩٠": ["دراجة هوائية"],
    "fatima@ex": ["دراجة هوائية"],
    "転車": ["自転車 赤"],
    "赤": ["自転車 赤"],
    "BÜCHER.example": ["自転車 赤"],
    "xn--bcher": ["自転車 赤"],
    "%": [],
    "\\": [],
    '"': [],
    "' OR 1=1": [],
    "words:zoe*": [],
    "_": [],
    "nothing like it": [],
}


@pytest.mark.parametrize("search", CASES)
def test_a_shop_finds_its_plans_as_people_write(session, shop, plans, search):
    assert found(session, shop, search) == CASES[search]
    assert found_by_admin(session, search) == CASES[search]


def test_a_reference_and_a_receipt_find_their_plan_alone(session, shop, plans):
    zoe, _ = plans
    (plan,) = factories.plans_of(session, zoe)
    for typed in (plan.reference, f"{plan.reference[:4]} {plan.reference[4:]}", plan.reference.lower()):
        assert found(session, shop, typed) == [plan.description]
    assert found(session, shop, f"{plan.reference}-1") == []
    factories.pay(session, zoe, plan.id, 1)
    assert found(session, shop, f"{plan.reference}-1") == [plan.description]
    assert found(session, shop, f"{plan.reference[:4]} {plan.reference[4:]} - 1") == [plan.description]
    assert found_by_admin(session, f"{plan.reference}-1") == [plan.description]
    assert found(session, shop, f"{plan.reference}-9") == []


def test_a_name_is_searched_from_the_agreement_on_and_under_its_new_form(session, shop, ada):
    plan_id = factories.offered_plan(session, shop, ada.email)
    assert found(session, shop, "ada buyer") == found(session, shop, "ada.buyer@")
    other = factories.make_customer(session, "Grace Hopper")
    offered = factories.offered_plan(session, shop, other.email, description="Lamp")
    with unit_of_work(session):
        accounts.change_profile(session, other, "Amazing Grace", "en", "succeeds", NOW)
    assert found(session, shop, "amazing") == []
    factories.accept(session, factories.actor(session, other.id), offered)
    assert found(session, shop, "grace amazing") == ["Lamp"]
    other = factories.actor(session, other.id)
    with unit_of_work(session):
        accounts.change_profile(session, other, "Dr Murray", "en", "succeeds", NOW)
    assert found(session, shop, "amazing") == []
    assert found(session, shop, "murray") == ["Lamp"]
    assert plan_id and factories.broken_invariants(session) == []


def test_another_shops_plans_are_not_found_and_the_shops_own_name_finds_none(session, shop, plans):
    other = factories.make_merchant(session, "Küchen Meier", email="meier@example.com")
    factories.offered_plan(session, other, "x@example.com", description="Stuhl")
    assert found(session, other, "kuchen") == []
    assert found(session, shop, "stuhl") == []
    assert found_by_admin(session, "meier") == ["Stuhl"]
    assert found_by_admin(session, "meier stuhl") == ["Stuhl"]
    assert found_by_admin(session, "kuchen") == ["Küchentisch, groß", "Stuhl"]


def test_an_act_that_is_taken_back_takes_its_words_back(session, shop):
    with pytest.raises(LookupError), unit_of_work(session):
        factories.offers.offer(session, shop, factories.proposal("x@example.com", description="Ghost"), NOW)
        raise LookupError("something else went wrong")
    assert found(session, shop, "ghost") == []
    assert session.scalars(select(PlanWords.plan_id)).all() == []


def test_words_written_anew_are_the_same_and_mend_what_is_wrong(session, shop, plans, monkeypatch):
    every = select(PlanWords.__table__).order_by(PlanWords.plan_id)
    before = session.execute(every).all()
    with unit_of_work(session):
        session.execute(text("UPDATE plan_words SET words = '  wrong'"))
    assert len(found(session, shop, "wrong")) == 3
    monkeypatch.setattr(search_words, "BATCH", 2)
    with unit_of_work(session):
        search_words.rewrite(session)
    assert session.execute(every).all() == before
    assert found(session, shop, "wrong") == []
    assert found(session, shop, "kuchen") == ["Küchentisch, groß"]


def test_what_very_many_plans_hold_is_found_in_the_order_of_the_list(session, shop, plans, monkeypatch):
    monkeypatch.setattr("portal.queries.searching.MOST_FOUND", 0)
    for search, descriptions in CASES.items():
        assert found(session, shop, search) == descriptions
        assert found_by_admin(session, search) == descriptions


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_on_sqlite_the_index_is_asked_first(session, shop, plans):
    def read(merchant_id):
        own = searching.plans_hold(session, "kuchentisch", merchant_id)
        chosen = select(Plan.id).where(own).order_by(Plan.id.desc()).limit(51)
        compiled = chosen.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        asked = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")
        return [row[-1] for row in asked]

    for merchant_id in (shop.merchant_id, None):
        steps = read(merchant_id)
        index, rows = (
            next(i for i, s in enumerate(steps) if name in s) for name in ("words_index", "words_rows")
        )
        assert "VIRTUAL TABLE INDEX 0:M2" in steps[index]
        assert "USING INTEGER PRIMARY KEY (rowid=?)" in steps[rows]
        assert index < rows


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_on_postgresql_the_index_of_trigrams_serves_a_shop_and_the_admin(session, shop, plans):
    """So small a table is read from end to end unless PostgreSQL is told that this is dear."""
    asked = text("EXPLAIN SELECT plan_id FROM plan_words WHERE words LIKE '%kuchentisch%'")
    session.execute(text("SET enable_seqscan = off"))
    steps = "\n".join(session.scalars(asked))
    session.execute(text("RESET enable_seqscan"))
    assert "Bitmap Index Scan on ix_plan_words_words" in steps
    index = session.scalars(text("SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_plan_words_words'"))
    assert "gin (merchant_id, words gin_trgm_ops, shop_words gin_trgm_ops)" in index.one()
