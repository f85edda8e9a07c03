"""Events and queued emails that lack facts, or hold something else in their place, take no page down."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from sqlalchemy import insert

from portal.core.roles import PORTAL_ID
from portal.models import Event, Message, new_id
from portal.presentation.activity import ACCOUNT_EVENTS, event_words
from portal.presentation.activity import EVENTS as SENTENCES
from portal.queries.timeline import EventView
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import sign_in
from tests.factories import NOW, accepted_plan
from tests.integration.email_cases import CASES as EMAILS

RECORDED = {"amount": 3334, "receipt": "AAAAAAAA-1", "method": "cash", "received_on": "2026-03-02"}
# The facts that the sentence of an event needs; every other sentence needs none.
FACTS = {
    "plan_cancelled": {"owed": 3333},
    "payment_succeeded": {"amount": 3334, "receipt": "AAAAAAAA-1"},
    "payment_recorded": RECORDED,
    "debt_recovered": RECORDED,
    "plan_written_off": {"owed": 3333, "reason": "Moved away"},
    "offer_address_corrected": {"email": "ada@example.com"},
    "payment_reversed": {"amount": 3334, "receipt": "AAAAAAAA-1", "reason": "Bounced"},
    "payment_declined": {"amount": 3334, "outcome": "declined"},
    "payment_abandoned": {"amount": 3334, "outcome": "abandoned"},
    "payment_returned": {"amount": 3334},
    "payment_disputed": {"amount": 3334, "state": "open"},
    "refund_made": {"amount": 300, "cancelled": 200, "to_return": 100},
    "refund_returned": {"returned": 100},
    "refund_failed": {"amount": 100},
    "refund_declined": {"returned": 100, "to_return": 300},
    "amendment_proposed": {"by_customer": True},
    "amendment_in_force": {"moves": 2},
    "member_invited": {"email": "sam@example.com", "role": "seller"},
    "member_changed": {"email": "sam@example.com", "before": "seller", "after": "manager"},
    "member_removed": {"email": "sam@example.com", "joined": True},
    "plan_imported": {"paid_before": 4000},
    "autopay_on": {"brand": "visa", "last_four": "4242"},
    "autopay_off": {"reason": "stopped"},
    "late_lifted": {"number": 1, "due_on": "2026-03-20"},
    "installment_late": {"number": 1, "due_on": "2026-03-02"},
}
EVENTS = {kind: FACTS.get(kind, {}) for kind in [*SENTENCES, *ACCOUNT_EVENTS, "made_by_a_later_version"]}
NO_FACTS = [None, [], "facts", 7, {}]
WRONG = [None, [], {}, "neither a day nor an amount", 1.5, True]


def incomplete(facts):
    """What may stand in the place of these facts: each left out in turn, each replaced, and no facts at all."""
    yield from NO_FACTS
    for name in facts:
        yield {other: value for other, value in facts.items() if other != name}
        yield from (facts | {name: wrong} for wrong in WRONG)


@pytest.fixture
def boss(session):
    return factories.make_admin(session)


@pytest.fixture
def plan_id(session, shop, ada):
    return accepted_plan(session, shop, ada)


@pytest.fixture
def open_as(app):
    """Opens pages as one person: each has to be there, and is given as its text."""

    def signed_in(person):
        client = app.test_client()
        sign_in(client, person)

        def open_page(path):
            answer = client.get(path)
            assert answer.status_code == 200, path
            return answer.get_data(as_text=True)

        return open_page

    return signed_in


def record(session, kind, every_facts, merchant_id=PORTAL_ID, plan_id=None):
    row = {"merchant_id": merchant_id, "plan_id": plan_id, "kind": kind, "at": NOW}
    with unit_of_work(session):
        session.execute(insert(Event), [row | {"id": new_id(), "facts": facts} for facts in every_facts])


def test_an_event_without_the_facts_of_its_sentence_is_shown_by_its_kind(
    session, open_as, shop, ada, boss, plan_id
):
    for kind, facts in EVENTS.items():
        record(session, kind, incomplete(facts), shop.id, plan_id)
    pages = {
        "customer": open_as(ada)(f"/customer/plans/{plan_id}"),
        "merchant": open_as(shop)(f"/merchant/plans/{plan_id}"),
        "admin": open_as(boss)(f"/admin/plans/{plan_id}"),
    }
    for kind, facts in FACTS.items():
        lacking = len(NO_FACTS) + len(facts)
        few = {who: page.count(kind.replace("_", " ")) for who, page in pages.items()}
        assert min(few.values()) >= lacking, (kind, few)


def test_the_audit_trail_shows_events_that_lack_facts_or_a_plan(session, open_as, shop, ada, boss, plan_id):
    for kind, facts in EVENTS.items():
        record(session, kind, incomplete(facts), shop.id, plan_id)
        record(session, kind, incomplete(facts | {"user": str(ada.id)}))
    visit, path, seen = open_as(boss), "/admin/audit", ""
    while path:
        page = visit(path)
        path = next(iter(re.findall(r'href="(/admin/audit\?before=[^"]+)"', page)), None)
        seen += page
    for kind, facts in FACTS.items():
        assert seen.count(kind.replace("_", " ")) >= 2 * (len(NO_FACTS) + len(facts))


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_every_sentence_that_needs_facts_is_tried(app, engine_name):
    with app.test_request_context():
        needy = {kind for kind in SENTENCES if words_of(kind, {}) == kind.replace("_", " ")}
        assert needy == set(FACTS)
        assert {kind for kind in FACTS if words_of(kind, FACTS[kind]) == kind.replace("_", " ")} == set()


def words_of(kind, facts):
    return event_words(EventView(uuid4(), kind, None, facts, NOW, None, None, None), "USD")


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kind", [*EMAILS, "made_by_a_later_version"])
def test_the_admin_opens_a_queued_email_that_lacks_facts(
    session, open_as, shop, ada, boss, plan_id, kind, engine_name
):
    facts = EMAILS[kind][0] if kind in EMAILS else {}
    row = {"merchant_id": shop.id, "kind": kind, "user_id": ada.id, "plan_id": plan_id, "created_at": NOW}
    row |= {"state": "queued", "tries": 0, "send_after": NOW}
    rows = [row | {"id": new_id(), "cause": new_id(), "facts": lacking} for lacking in incomplete(facts)]
    with unit_of_work(session):
        session.execute(insert(Message), rows)
    visit = open_as(boss)
    visit("/admin/messages")
    shown = [visit(f"/admin/messages/{row['id']}") for row in rows]
    unreadable = sum("details are missing" in page for page in shown)
    assert unreadable >= (
        0 if kind in ("password_reset", "account_exists", "member_removed") else len(NO_FACTS)
    )
