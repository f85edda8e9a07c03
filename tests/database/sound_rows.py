"""One row of every table that the database takes, as a raw INSERT; hostile rows differ from it in what they break.

A new table needs one entry in ``SOUND``, and its model in ``sound_shops.PARENTS`` if foreign keys lead to it; a new
column needs a value only if it has no default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count, cycle
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert
from sqlalchemy.sql.dml import Insert

from portal.models import Base
from tests.factories import NOW, TODAY

Row = dict[str, Any]
fresh = count(1000)
# One after the other, since a key of amendments has the state in it.
ENDED = cycle(["declined", "withdrawn"])


@dataclass(frozen=True, slots=True)
class Shop:
    """What it has: an offer, a completed plan, and one that was paid in part with a key and partly refunded.

    ``ids`` has for each table to which foreign keys lead a row of the last plan, whose last installment is ``unpaid``.
    """

    id: UUID
    customer: UUID
    offer: UUID
    ids: dict[str, UUID]
    # People to whom it has offered nothing, one after the other.
    strangers: Iterator[UUID]
    unpaid: UUID
    # The plan of which an amendment waits for an answer, and one of it that was withdrawn.
    waiting: UUID
    withdrawn: UUID
    # A plan that is not searched, as the services leave none.
    unsearched: UUID
    # Payments of the plan for which no attempt is noted, one after the other.
    attempted: Iterator[UUID]

    @property
    def plan(self) -> UUID:
        return self.ids["plans"]


def sound(table: str, shop: Shop) -> Row:
    """A new row of this table; its primary key and whatever else must be unique were never there before."""
    return SOUND[table](shop)


def adding(table: str, row: Row) -> Insert:
    return insert(Base.metadata.tables[table]).values(row)


SUMS_DUE = dict.fromkeys(
    ("scheduled", "owed", "owed_count", "paid_count", "written_off_count", "rated_count", "on_time_count"), 0
)


def _of(shop: Shop, **values: Any) -> Row:
    """What most tables begin with."""
    return {"merchant_id": shop.id, "id": uuid4()} | values


def consent(merchant_id: UUID, customer_id: UUID, plan_id: UUID) -> Row:
    return {
        "merchant_id": merchant_id,
        "id": uuid4(),
        "plan_id": plan_id,
        "customer_id": customer_id,
        "text": "Take what is due.",
        "text_hash": "0" * 64,
        "given_at": NOW,
        "address": "192.0.2.1",
        "user_agent": "",
        "provider": "simulator",
        "brand": "visa",
        "last_four": "4242",
        "saved_at": NOW,
    }


SOUND: dict[str, Callable[[Shop], Row]] = {
    "users": lambda shop: {
        "id": uuid4(),
        "email": f"person{next(fresh)}@example.com",
        "username": (name := f"person{next(fresh)}"),
        "username_key": name,
        "name": "Some Person",
        "role": "customer",
        "created_at": NOW,
    },
    "merchants": lambda shop: {
        "id": uuid4(),
        "user_id": None,
        "name": "Some Shop",
        "support_email": "help@example.com",
        "currency": "USD",
        "timezone": "UTC",
        "created_at": NOW,
    },
    "members": lambda shop: {
        "merchant_id": shop.id,
        "user_id": next(shop.strangers),
        "role": "seller",
        "created_at": NOW,
    },
    "member_invitations": lambda shop: {
        "merchant_id": shop.id,
        "user_id": next(shop.strangers),
        "email": "colleague@example.com",
        "role": "seller",
        "link_id": uuid4(),
        "invited_by": shop.id,
        "sent_at": NOW,
        "expires_at": NOW + timedelta(days=1),
    },
    "customers": lambda shop: _of(shop, user_id=next(shop.strangers), created_at=NOW),
    "sessions": lambda shop: {
        "id": uuid4(),
        "user_id": shop.customer,
        "browser": "Firefox, Linux",
        "network": "192.0.2.0/24",
        "created_at": NOW,
        "last_seen_at": NOW,
        "ends_at": NOW + timedelta(hours=12),
    },
    "user_tokens": lambda shop: {
        "id": uuid4(),
        "user_id": shop.customer,
        "purpose": "verify_email",
        "email": "buyer@example.com",
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=1),
    },
    "second_factors": lambda shop: {
        "user_id": shop.customer,
        "secret": "sealed",
        "last_step": 0,
        "created_at": NOW,
    },
    "passkeys": lambda shop: {
        "id": uuid4(),
        "user_id": shop.customer,
        "credential_id": uuid4().bytes,
        "public_key": b"key",
        "sign_count": 0,
        "name": "Phone",
        "created_at": NOW,
    },
    "used_challenges": lambda shop: {"challenge_hash": "0" * 64, "used_at": NOW},
    "recovery_codes": lambda shop: {"user_id": shop.customer, "code_hash": "0" * 64, "created_at": NOW},
    "login_attempts": lambda shop: {"id": uuid4(), "account": "a", "network": "192.0.2.0/24", "at": NOW},
    "plans": lambda shop: _of(
        shop,
        reference=f"R{next(fresh)}",
        customer_id=shop.customer,
        customer_email="buyer@example.com",
        description="Oak table",
        total=10000,
        currency="USD",
        num_installments=3,
        frequency="monthly",
        start_date=TODAY,
        state="offered",
        terms='{"timezone": "UTC", "seller": "Shop", "support": "help@example.com"}',
        terms_hash="0" * 64,
        last_day=TODAY,
        created_at=NOW,
        updated_at=NOW,
    ),
    "acceptances": lambda shop: {
        "merchant_id": shop.id,
        "plan_id": shop.offer,
        "customer_id": shop.customer,
        "terms": "{}",
        "terms_hash": "0" * 64,
        "accepted_at": NOW,
        "address": "192.0.2.1",
        "user_agent": "",
        "how": "accepted",
    },
    "installments": lambda shop: _of(shop, plan_id=shop.plan, number=next(fresh), amount=100, due_on=TODAY),
    "payments": lambda shop: _of(
        shop,
        plan_id=shop.plan,
        customer_id=shop.customer,
        amount=100,
        currency="USD",
        provider="simulator",
        test_card="succeeds",
        state="succeeded",
        number=next(fresh),
        created_at=NOW,
        settled_at=NOW,
        settled_on=TODAY,
    ),
    "provider_keys": lambda shop: {
        "merchant_id": shop.id,
        "provider": "stripe",
        "sealed_key": "sealed",
        "hint": "1234",
        "added_by": shop.customer,
        "added_at": NOW,
    },
    "provider_events": lambda shop: {
        "merchant_id": shop.id,
        "provider": "stripe",
        "event_id": f"evt_{next(fresh)}",
        "kind": "checkout.session.completed",
        "reference": "cs_1",
        "amount": 100,
        "currency": "USD",
        "received_at": NOW,
    },
    "disputes": lambda shop: _of(
        shop,
        payment_id=shop.ids["payments"],
        reference=f"du_{next(fresh)}",
        amount=100,
        currency="USD",
        state="open",
        opened_at=NOW,
    ),
    "mandates": lambda shop: consent(shop.id, shop.customer, shop.plan) | {"revoked_at": NOW},
    "attempts": lambda shop: {
        "merchant_id": shop.id,
        "installment_id": shop.unpaid,
        "number": 1,
        "plan_id": shop.plan,
        "mandate_id": shop.ids["mandates"],
        "payment_id": next(shop.attempted),
        "made_on": _another_day(),
    },
    "reversals": lambda shop: {
        "merchant_id": shop.id,
        "payment_id": shop.ids["payments"],
        "amount": 100,
        "reason": "Bounced",
        "reversed_by": shop.customer,
        "reversed_at": NOW,
        "reversed_on": TODAY,
    },
    "refunds": lambda shop: _of(
        shop,
        plan_id=shop.plan,
        amount=2,
        cancelled=1,
        to_return=1,
        currency="USD",
        state="processing",
        created_at=NOW,
    ),
    "postings": lambda shop: _of(
        shop,
        installment_id=shop.ids["installments"],
        debit="receivable",
        credit="sales",
        amount=1,
        currency="USD",
        posted_at=NOW,
        posted_on=TODAY,
    ),
    "allocations": lambda shop: {
        "merchant_id": shop.id,
        "payment_id": shop.ids["payments"],
        "installment_id": shop.unpaid,
        "amount": 100,
    },
    "refund_allocations": lambda shop: {
        "merchant_id": shop.id,
        "refund_id": shop.ids["refunds"],
        "payment_id": shop.ids["payments"],
        "installment_id": shop.ids["installments"],
        "amount": 1,
    },
    "amendments": lambda shop: _of(
        shop,
        plan_id=shop.waiting,
        number=next(fresh),
        proposed_by=shop.id,
        by_customer=False,
        reason="",
        lines=[],
        terms="{}",
        terms_hash="0" * 64,
        effect="worse",
        state=next(ENDED),
        proposed_at=NOW,
        last_day=TODAY,
        ended_at=NOW,
    ),
    "amendment_lines": lambda shop: {
        "merchant_id": shop.id,
        "amendment_id": shop.ids["amendments"],
        "installment_id": shop.ids["installments"],
        "due_on": _another_day(),
    },
    "plan_templates": lambda shop: _of(
        shop,
        name=f"Template {next(fresh)}",
        num_installments=3,
        frequency="monthly",
        first_due="date",
        day_of_month="15",
        deposit=2000,
        valid_days=30,
        created_at=NOW,
    ),
    "imports": lambda shop: _of(shop, created_by=shop.id, created_at=NOW),
    "import_rows": lambda shop: {
        "merchant_id": shop.id,
        "import_id": shop.ids["imports"],
        "number": next(fresh),
        "cells": {},
        "wanted": {},
        "digest": uuid4().hex * 2,
        "faults": {},
        "state": "waiting",
        "plan_id": None,
    },
    "messages": lambda shop: _of(
        shop,
        cause=uuid4(),
        kind="offer_sent",
        user_id=shop.customer,
        facts={},
        send_after=NOW,
        created_at=NOW,
    ),
    "events": lambda shop: _of(shop, kind="plan_offered", facts={}, at=NOW),
    "event_origins": lambda shop: {
        "merchant_id": shop.id,
        "event_id": shop.ids["events"],
        "network": "192.0.2.0/24",
        "browser": "Firefox, Linux",
        "created_at": NOW,
    },
    "idempotency_keys": lambda shop: {
        "merchant_id": shop.id,
        "user_id": shop.customer,
        "key": f"key {next(fresh)}",
        "request_hash": "0" * 64,
        "created_at": NOW,
    },
    "plan_words": lambda shop: {
        "merchant_id": shop.id,
        "plan_id": shop.unsearched,
        "words": "  some  words",
        "shop_words": "  some  shop",
    },
    "reminders": lambda shop: {
        "merchant_id": shop.id,
        "installment_id": shop.ids["installments"],
        "due_on": _another_day(),
        "kind": "due_soon",
        "message_id": shop.ids["messages"],
        "sent_on": TODAY,
    },
    "job_runs": lambda shop: {"id": uuid4(), "job": "run_day", "started_at": NOW, "counts": {}},
    "metric_deltas": lambda shop: _of(
        shop, posted_on=TODAY, due_on=TODAY, cohort_on=TODAY.replace(day=1), revenue=0, **SUMS_DUE
    ),
    "due_rollups": lambda shop: {"merchant_id": shop.id, "due_on": _another_day(), **SUMS_DUE},
    "posted_rollups": lambda shop: {
        "merchant_id": shop.id,
        "posted_on": _another_day(),
        "revenue": 0,
        "owed": 0,
    },
    "cohort_rollups": lambda shop: {
        "merchant_id": shop.id,
        "cohort_on": TODAY.replace(day=1),
        "due_on": _another_day(),
        "rated_count": 0,
        "on_time_count": 0,
    },
}


def _another_day() -> Any:
    return TODAY + timedelta(days=next(fresh))
