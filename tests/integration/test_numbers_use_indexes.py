"""No number, no row behind one and no file of payments is read from a table's beginning to its end."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import event

from portal.queries import exports, metrics
from portal.queries.metrics import NUMBERS
from tests.factories import NOW, TODAY, accepted_plan

# PostgreSQL reads tables as small as a test's from end to end, since that is quicker then.
pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)

OWED = ("outstanding", "overdue", "overdue_installments", "overdue_new", "aging", "expected")


@pytest.fixture
def how_it_is_read(session, shop, ada):
    """What SQLite says about how it would find what an act reads, changes and removes."""
    accepted_plan(session, shop, ada)

    def ask(act) -> str:
        sent = []
        engine = session.get_bind()
        note = lambda *args: sent.append(args[2:4])  # noqa: E731 - has to be the same object twice
        event.listen(engine, "before_cursor_execute", note)
        act(shop)
        event.remove(engine, "before_cursor_execute", note)
        verbs = "SELECT", "UPDATE", "DELETE"
        asked = [(statement, values) for statement, values in sent if statement.startswith(verbs)]
        assert asked
        connection = session.connection()
        plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", values) for s, values in asked]
        return "\n".join(row[-1] for plan in plans for row in plan)

    return ask


def scanned(plan: str) -> list[str]:
    return re.findall(r"SCAN (?:plans|installments|postings|payments)\w*", plan)


def test_the_dashboard_reads_sums(session, how_it_is_read):
    plan = how_it_is_read(lambda shop: metrics.dashboard(session, shop, NOW, "30d"))
    assert scanned(plan) == []
    assert re.findall(r"SEARCH (plans|postings)", plan) == []
    assert sorted(re.findall(r"SEARCH installments\w* USING INDEX (\w+)", plan)) == [
        "ix_installments_amended",
        "ix_installments_marked_late",
    ]


@pytest.mark.parametrize("name", NUMBERS)
def test_the_rows_behind_a_number_are_read_by_an_index(session, how_it_is_read, name):
    plan = how_it_is_read(lambda shop: metrics.rows(session, shop, NOW, name, "30d"))
    assert scanned(plan) == []
    assert "USE TEMP B-TREE" not in plan
    assert ("ix_installments_owed" in plan) == (name in OWED)


def test_the_day_of_a_refund_in_a_file_is_found_by_an_index(session, how_it_is_read):
    wanted = exports.ExportFilter(first=TODAY, last=TODAY)
    plan = how_it_is_read(lambda shop: list(exports.movements(session, shop, NOW, wanted)))
    assert scanned(plan) == []
    read = re.findall(r"SEARCH postings USING INDEX (\w+)", plan)
    assert set(read) == {"ix_postings_merchant_id_payment_id"}
