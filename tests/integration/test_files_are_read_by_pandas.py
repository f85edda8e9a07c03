"""The files of a shop as pandas reads them: every file, with every separator, names in every script, no formula."""

from __future__ import annotations

import io
from datetime import timedelta

import pandas
import pytest

from portal.core.accounts import CSV_SEPARATORS
from portal.extensions import now
from portal.queries import metrics
from portal.services import accounts
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import sign_in

NAMES = ("ليلى الهاشمي", "山田 花子", "Zoë “Quote, Semi;colon” O'Brien")
THINGS = ("=SUM(A1:A9)", "طاولة بلوط; +1", "木のテーブル,-1", "@cmd\u2028line", '"quoted" "thing"')
FILES = ("plans", "installments", "payments", "receivables")


@pytest.fixture
def history(session, shop, ada):
    past = now() - timedelta(days=40)
    with unit_of_work(session):
        accounts.change_shop(session, shop, NAMES[0], shop.email, "UTC", now())
    for number, (name, thing) in enumerate(zip((*NAMES, "Ada", "Bo"), THINGS, strict=True)):
        new = factories.account("customer", name, email=f"buyer{number}@example.com")
        buyer = factories.sign_up(session, new, past)
        plan_id = factories.accepted_plan(
            session, shop, buyer, now=past, first=past.date(), description=thing.replace("\u2028", " ")
        )
        factories.pay(session, buyer, plan_id, 1, now=past)
        factories.record(session, shop, plan_id, 1250, method="cash", note=thing[:3], now=now())
    return factories.actor(session, shop.id)


@pytest.fixture
def read(session, client, history):
    sign_in(client, history)

    def read(what, separator, **how):
        with unit_of_work(session):
            accounts.choose_csv_separator(session, history, separator)
        answer = client.get(f"/merchant/exports/{what}.csv")
        content = io.BytesIO(answer.get_data())
        return pandas.read_csv(content, sep=separator, encoding="utf-8-sig", dtype=str, **how).fillna("")

    return read


@pytest.mark.parametrize("engine", ["c", "python"])
@pytest.mark.parametrize("separator", CSV_SEPARATORS)
@pytest.mark.parametrize("what", FILES)
def test_every_file_with_every_separator_has_its_rows_and_no_formula(read, what, separator, engine):
    table = read(what, separator, engine=engine)
    assert len(table) >= 5 and not table.columns.str.startswith("Unnamed").any()
    texts = table.select_dtypes(exclude="number").astype(str)
    numbers = texts.apply(lambda column: column.str.fullmatch(r"-?[0-9]+([.][0-9]+)?"))
    starts = texts.apply(lambda column: column.str.match(r"\s*[=+@\-]"))
    assert not (starts & ~numbers).to_numpy().any()
    sniffed = read(what, separator, engine="python")
    assert sniffed.equals(read(what, separator, engine="c"))


@pytest.mark.parametrize("separator", CSV_SEPARATORS)
def test_names_and_things_are_whole_in_every_script(read, separator):
    plans = read("plans", separator)
    everything = set(plans.to_numpy().ravel())
    for name in NAMES:
        assert name in everything or name in {cell.removeprefix("'") for cell in everything}, name
    described = {cell.replace("'", "") for cell in everything}
    for thing in THINGS:
        assert thing.replace("\u2028", " ").replace("'", "") in described, thing


def test_amounts_add_up_to_the_numbers_of_the_dashboard(session, read, history):
    paid = read("payments", ";")["amount"].astype(float).sum()
    session.rollback()
    shown = metrics.dashboard(session, history, now())
    session.rollback()
    assert round(paid * 100) == shown.total_revenue
    assert round(read("receivables", ",")["owed"].astype(float).sum() * 100) == shown.outstanding
