"""What is read of one person is found by an index, however many people there are."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from portal.queries import personal_data
from portal.services import closing
from portal.services.sessions import has_signed_in_from
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW
from tests.integration.test_numbers_use_indexes import how_it_is_read

__all__ = ["how_it_is_read"]

ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
# Not where acts came from, which is kept for 90 days: closing reads it whole, since wrong passwords name no actor.
LARGE = "events|messages|plans|installments|payments|refunds|acceptances|allocations|customers"


def scanned(plan: str) -> list[str]:
    return re.findall(rf"SCAN (?:{LARGE})\b(?! USING INDEX ix_)", plan)


@ON_SQLITE
def test_the_file_of_ones_data_reads_by_indexes(session, how_it_is_read, ada):
    plan = how_it_is_read(lambda shop: personal_data.read(session, ada))
    assert scanned(plan) == []
    assert "ix_events_actor_id" in plan and "ix_messages_user_id" in plan


@ON_SQLITE
def test_a_persons_own_sign_ins_are_found_by_an_index(session, how_it_is_read, ada):
    plan = how_it_is_read(lambda shop: has_signed_in_from(session, ada.id, "192.0.2.0/24"))
    assert scanned(plan) == [] and "ix_events_signed_in" in plan


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_postgresql_can_read_them_by_the_same_indexes(session, shop, ada):
    factories.accepted_plan(session, shop, ada)
    # Outside of a unit of work a statement is its own transaction, and SET LOCAL does nothing.
    with unit_of_work(session):
        session.execute(text("SET LOCAL enable_seqscan = off"))
        for table, index, column in (
            ("events", "ix_events_actor_id", "actor_id"),
            ("messages", "ix_messages_user_id", "user_id"),
        ):
            asked = f"EXPLAIN SELECT id FROM {table} WHERE {column} = '{ada.id}' ORDER BY id"
            assert index in "\n".join(session.execute(text(asked)).scalars()), table


@ON_SQLITE
def test_closing_reads_by_indexes(session, how_it_is_read):
    gone = factories.make_customer(session, "Gone Person")

    def close(shop):
        with unit_of_work(session):
            closing.close(session, gone, NOW)

    assert scanned(how_it_is_read(close)) == []
