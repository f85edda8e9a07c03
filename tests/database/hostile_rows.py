"""Rows that the database has to refuse: at least one for every named rule, under the rule's name.

To add a rule's case, add one line to ``HOSTILE``. Its key is the rule's name in the database, its value:

- for a CHECK a list of changes, ``[{"column": value}, ...]``. Each is one row to insert: the table's sound row with
  these columns changed, so that it breaks this rule alone. What depends on the row or the shop is a function of both;
- for a UNIQUE ``TWICE``: a sound row, and then another with the same values but a new id (or a list of changes);
- for a foreign key ``ASTRAY``: its last column leads to nothing; then, if it names the shop too, to another shop's row.

A new table needs its sound row in ``sound_rows.SOUND``. Primary keys need no line. Triggers are in ``test_triggers``.

One test fails if a rule has no line or a line no rule. Another takes each rule away (on PostgreSQL, in a transaction)
and expects its rows to be taken then: a row that two rules refuse would notice the loss of neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    CheckConstraint,
    Constraint,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    UniqueConstraint,
)

from portal.core.ledger import Account, Entry
from portal.models import Base
from tests.factories import NOW, TODAY

from .sound_rows import Row, Shop, fresh, sound

Changes = dict[str, Any] | Callable[[Row, Shop], dict[str, Any]]
Rule = Constraint | Index

TWICE: list[Changes] = [{}]
ASTRAY: list[Changes] = [{}]

PAID = {"paid_on": TODAY, "paid_at": NOW}
OPEN_AMENDMENT = {"state": "proposed", "ended_at": None}
OPEN = {"settled_at": None, "settled_on": None}
ACCOUNTS = (*Account, "elsewhere")
ENTRIES = {(entry.debit, entry.credit) for entry in Entry}


def recorded(**more: Any) -> Changes:
    """A payment that the shop recorded, with something about it changed."""

    def changes(row: Row, shop: Shop) -> dict[str, Any]:
        by_shop = {
            "method": "cash",
            "provider": None,
            "test_card": None,
            "received_on": TODAY,
            "recorded_by": shop.customer,
        }
        return by_shop | more

    return changes


HOSTILE: dict[str, list[Changes]] = {
    "ck_users_email_lower": [{"email": "ADA@example.com"}],
    "ck_users_role": [{"role": "owner"}],
    "ck_users_closed_at": [{"closed_at": NOW}],
    "uq_users_email": [{"username_key": "another"}],
    "uq_users_username_key": [{"email": "another@example.com"}],
    "ck_merchants_offers_per_day": [{"offers_per_day": -1}],
    "ck_merchants_move_days": [{"move_days": -1}, {"move_days": 15}],
    "ck_merchants_csv_separator": [{"csv_separator": "|"}],
    "ck_merchants_provider": [{"provider": "another"}],
    "uq_customers_merchant_id_user_id": TWICE,
    "fk_customers_merchant_id": ASTRAY,
    "fk_customers_user_id": ASTRAY,
    "ck_user_tokens_purpose": [{"purpose": "sign_in"}],
    "ck_user_tokens_email_lower": [{"email": "ADA@example.com"}],
    "ck_user_tokens_expires_at": [{"expires_at": NOW}],
    "fk_user_tokens_user_id": ASTRAY,
    "ck_sessions_ends_at": [{"ends_at": NOW}],
    "fk_sessions_user_id": ASTRAY,
    "fk_second_factors_user_id": ASTRAY,
    "fk_recovery_codes_user_id": ASTRAY,
    "ck_passkeys_sign_count": [{"sign_count": -1}],
    "ck_passkeys_name": [{"name": ""}],
    "uq_passkeys_credential_id": TWICE,
    "fk_passkeys_user_id": ASTRAY,
    "fk_event_origins_merchant_id_event_id": ASTRAY,
    "fk_merchants_user_id": [lambda row, shop: {"user_id": row["id"]}],
    "ck_members_role": [{"role": "admin"}],
    "fk_members_merchant_id": ASTRAY,
    "fk_members_user_id": ASTRAY,
    "ck_member_invitations_email_lower": [{"email": "ADA@example.com"}],
    "ck_member_invitations_role": [{"role": "admin"}],
    "ck_member_invitations_expires_at": [{"expires_at": NOW}],
    "fk_member_invitations_merchant_id": ASTRAY,
    "fk_member_invitations_user_id": ASTRAY,
    "fk_member_invitations_invited_by": ASTRAY,
    "fk_sessions_merchant_id": ASTRAY,
    "ck_plans_not_to_oneself": [lambda row, shop: {"customer_id": shop.id}],
    "ck_plans_total": [{"total": 10**12 + 1}],
    "ck_plans_num_installments": [
        {"num_installments": 0},
        {"num_installments": 61},
        {"num_installments": 3, "total": 2},
    ],
    "ck_plans_frequency": [{"frequency": "daily"}, {"frequency": "Own"}],
    "ck_plans_deposit": [
        {"deposit": 0},
        lambda row, shop: {"deposit": row["total"]},
        {"deposit": 1, "num_installments": 60, "total": 1000},
    ],
    "ck_plans_first_due": [{"first_due": "later"}],
    "ck_plans_state": [{"state": "paid"}],
    "ck_plans_acceptance_of_this_plan": [
        lambda row, shop: {"state": "active", "acceptance_id": shop.plan, "accepted_on": TODAY}
    ],
    "ck_plans_bound_only_by_acceptance": [
        {"state": "active"},
        {"state": "completed"},
        {"state": "cancelled"},
        {"state": "written_off"},
    ],
    "ck_plans_accepted_on": [{"accepted_on": TODAY}],
    "uq_plans_merchant_id_reference": TWICE,
    "fk_plans_merchant_id": ASTRAY,
    "fk_plans_customer_id": ASTRAY,
    "fk_plans_created_by": ASTRAY,
    # Its own id is all that the acceptance may name, and then there has to be one.
    "fk_plans_acceptance": [
        lambda row, shop: {"state": "active", "acceptance_id": row["id"], "accepted_on": TODAY}
    ],
    "ck_acceptances_how": [{"how": "by phone"}],
    "ck_acceptances_not_by_the_merchant": [lambda row, shop: {"customer_id": shop.id}],
    "fk_acceptances_merchant_id_plan_id": ASTRAY,
    "fk_acceptances_customer_id": ASTRAY,
    "ck_installments_amount": [{"amount": 0}, {"number": 0}],
    "ck_installments_not_negative": [
        {"paid": -1, "returned": -1},
        {"cancelled": -1},
        {"returned": -1},
        {"reversed": -1},
        {"written_off": -1, "recovered": -1},
        {"recovered": -1},
        {"moved": -1},
        {"paid_before": -1},
    ],
    "ck_installments_not_paid_over": [
        {"paid": 101},
        {"cancelled": 101},
        {"paid": 60, "cancelled": 41},
        {"paid": 60, "written_off": 41},
        {"moved": 101},
        {"paid_before": 101},
    ],
    "ck_installments_not_returned_over": [
        {"returned": 1},
        {"reversed": 1},
        {"paid": 5, "returned": 3, "reversed": 3},
    ],
    "ck_installments_not_recovered_over": [{"recovered": 1}, {"written_off": 5, "recovered": 6}],
    "ck_installments_paid_on": [
        {"paid": 100},
        PAID,
        {"paid": 99} | PAID,
        {"cancelled": 100} | PAID,
        {"paid": 50, "cancelled": 50},
        {"paid_before": 100},
        {"paid": 100, "paid_on": TODAY},
        {"paid": 100, "paid_at": NOW},
    ],
    "uq_installments_merchant_id_plan_id_number": TWICE,
    "fk_installments_merchant_id_plan_id": ASTRAY,
    "ck_payments_amount": [{"amount": 0}, {"amount": -1}],
    "ck_payments_state": [{"state": "maybe", "number": None}],
    "ck_payments_number": [{"number": None}, {"state": "declined"}],
    "ck_payments_settled_at": [OPEN, {"state": "processing", "number": None}],
    "ck_payments_settled_on": [{"settled_on": None}],
    "ck_payments_recovery": [{"recovery": True}],
    "ck_payments_method": [recorded(method="barter")],
    "ck_payments_provider": [{"provider": "another", "test_card": None}],
    "ck_payments_provided": [{"provider": None, "test_card": None}, recorded(provider="stripe")],
    "ck_payments_card": [{"test_card": None}, {"provider": "stripe"}, recorded(test_card="succeeds")],
    "ck_payments_received_on": [{"received_on": TODAY}, recorded(received_on=None)],
    "ck_payments_recorded_by": [
        lambda row, shop: {"recorded_by": shop.customer},
        recorded(recorded_by=None),
    ],
    "ck_payments_recorded": [recorded(state="declined", number=None)],
    "fk_payments_recorded_by": [recorded(recorded_by=uuid4())],
    "uq_payments_merchant_id_plan_id_number": TWICE,
    "fk_payments_merchant_id_plan_id": ASTRAY,
    "fk_payments_customer_id": ASTRAY,
    "ck_provider_keys_provider": [{"provider": "simulator"}],
    "ck_provider_keys_removed": [{"sealed_key": None}, {"removed_at": NOW}],
    "ck_provider_keys_refused": [{"refused": -1}],
    "fk_provider_keys_merchant_id": ASTRAY,
    "fk_provider_keys_added_by": ASTRAY,
    "ck_provider_events_provider": [{"provider": "simulator"}],
    "ck_provider_events_result": [{"result": "maybe", "handled_at": NOW}],
    "ck_provider_events_handled_at": [{"handled_at": NOW}, {"result": "done"}],
    "fk_provider_events_merchant_id": ASTRAY,
    "ck_disputes_amount": [{"amount": 0}, {"amount": -1}],
    "ck_disputes_state": [{"state": "maybe", "closed_at": NOW}],
    "ck_disputes_closed_at": [{"closed_at": NOW}, {"state": "lost"}],
    "uq_disputes_merchant_id_reference": TWICE,
    "fk_disputes_merchant_id_payment_id": ASTRAY,
    "ck_plan_templates_name": [{"name": ""}],
    "ck_plan_templates_num_installments": [{"num_installments": 0}, {"num_installments": 61}],
    "ck_plan_templates_frequency": [{"frequency": "own", "day_of_month": None}],
    "ck_plan_templates_first_due": [{"first_due": "never", "day_of_month": None}],
    "ck_plan_templates_day_of_month": [{"frequency": "weekly"}, {"first_due": "acceptance"}],
    "ck_plan_templates_deposit": [{"deposit": 0}, {"deposit": 10000}],
    "ck_plan_templates_valid_days": [{"valid_days": 0}, {"valid_days": 61}],
    "uq_plan_templates_merchant_id_name": TWICE,
    "fk_plan_templates_merchant_id": ASTRAY,
    "ck_mandates_text": [{"text": ""}],
    "ck_mandates_not_by_the_merchant": [lambda row, shop: {"customer_id": shop.id}],
    "ck_mandates_provider": [{"provider": "another", "saved_at": None, "brand": None, "last_four": None}],
    "ck_mandates_brand": [{"brand": None}],
    "ck_mandates_last_four": [{"last_four": None}],
    "ck_mandates_provider_reference": [
        {"provider": "stripe"},
        {"provider_reference": "pm_1", "provider_customer": "cus_1"},
    ],
    "ck_mandates_provider_customer": [{"provider_customer": "cus_1"}],
    "uq_mandates_in_force": [{"revoked_at": None}],
    "fk_mandates_merchant_id_plan_id": ASTRAY,
    "fk_mandates_customer_id": ASTRAY,
    "ck_attempts_number": [{"number": 0}, {"number": 5}],
    "uq_attempts_merchant_id_payment_id": [{"number": 2, "made_on": TODAY}],
    "uq_attempts_merchant_id_plan_id_made_on": [
        lambda row, shop: {"number": 2, "payment_id": next(shop.attempted)}
    ],
    "fk_attempts_merchant_id_installment_id": ASTRAY,
    "fk_attempts_merchant_id_plan_id": ASTRAY,
    "fk_attempts_merchant_id_mandate_id": ASTRAY,
    "fk_attempts_merchant_id_payment_id": ASTRAY,
    "ck_reversals_amount": [{"amount": 0}, {"amount": -1}],
    "ck_reversals_reason": [{"reason": ""}],
    "fk_reversals_merchant_id_payment_id": ASTRAY,
    "fk_reversals_reversed_by": ASTRAY,
    "ck_refunds_amount": [{"amount": 0, "cancelled": 0, "to_return": 0}, {"cancelled": -1, "to_return": 3}],
    "ck_refunds_sum": [{"amount": 3}],
    "ck_refunds_returned": [{"returned": 2}, {"returned": -1}],
    "ck_refunds_succeeded": [{"state": "succeeded", "settled_at": NOW}],
    "ck_refunds_settled_at": [{"state": "declined"}, {"settled_at": NOW}],
    "ck_refunds_state": [{"state": "lost", "settled_at": NOW}],
    "fk_refunds_merchant_id_plan_id": ASTRAY,
    "ck_postings_amount": [{"amount": 0}, {"amount": -1}],
    "ck_postings_accounts": [
        lambda row, shop, debit=debit, credit=credit: {
            "debit": debit,
            "credit": credit,
            "payment_id": shop.ids["payments"],
        }
        for debit, credit in sorted(set(product(ACCOUNTS, ACCOUNTS)) - ENTRIES)
    ],
    "ck_postings_cash_names_its_cause": [
        {"debit": "cash", "credit": "receivable"},
        {"debit": "refunds", "credit": "cash"},
        {"debit": "receivable", "credit": "cash"},
        {"debit": "cash", "credit": "write_offs"},
        {"debit": "write_offs", "credit": "cash"},
    ],
    "fk_postings_merchant_id_installment_id": ASTRAY,
    "fk_postings_merchant_id_payment_id": ASTRAY,
    "fk_postings_merchant_id_refund_id": ASTRAY,
    "ck_allocations_amount": [{"amount": 0}],
    "ck_allocations_not_negative": [{"reversed": -1}, {"returned": -1}],
    "ck_allocations_not_returned_over": [{"returned": 101}, {"reversed": 60, "returned": 41}],
    "fk_allocations_merchant_id_payment_id": ASTRAY,
    "fk_allocations_merchant_id_installment_id": ASTRAY,
    "ck_refund_allocations_amount": [{"amount": 0}, {"amount": -1}],
    "fk_refund_allocations_merchant_id_refund_id": ASTRAY,
    "fk_refund_allocations_merchant_id_payment_id_installment_id": ASTRAY,
    "ck_amendments_number": [{"number": 0}],
    "ck_amendments_effect": [{"effect": "unknown"}],
    "ck_amendments_state": [{"state": "lost"}],
    "ck_amendments_ended_at": [
        {"ended_at": None},
        lambda row, shop: {"state": "proposed", "plan_id": shop.plan},
    ],
    "ck_amendments_worse_only_by_acceptance": [{"state": "in_force"}],
    "ck_amendments_evidence": [
        {"accepted_at": NOW},
        {"accepted_at": NOW, "address": "192.0.2.7"},
        {"address": "192.0.2.7"},
        {"user_agent": "Some Browser"},
    ],
    "uq_amendments_merchant_id_plan_id_number": TWICE,
    "uq_amendments_one_open": [lambda row, shop: OPEN_AMENDMENT | {"number": row["number"] + 100_000}],
    "fk_amendments_merchant_id_plan_id": ASTRAY,
    "fk_amendments_proposed_by": ASTRAY,
    "ck_amendment_lines_state": [
        lambda row, shop: {"state": "withdrawn", "amendment_id": shop.withdrawn},
    ],
    "fk_amendment_lines_merchant_id_state_amendment_id": ASTRAY,
    "fk_amendment_lines_merchant_id_installment_id": ASTRAY,
    # An amendment that is not there, and one that says nothing of this installment.
    "fk_installments_amended": [
        {"amendment_id": uuid4()},
        lambda row, shop: {"amendment_id": shop.ids["amendments"]},
    ],
    "fk_imports_merchant_id": ASTRAY,
    "fk_imports_created_by": ASTRAY,
    "ck_import_rows_state": [{"state": "lost"}],
    "ck_import_rows_digest": [{"digest": None}],
    "ck_import_rows_plan": [
        {"state": "sent"},
        lambda row, shop: {"plan_id": shop.plan},
    ],
    "fk_import_rows_merchant_id_import_id": ASTRAY,
    "fk_import_rows_merchant_id_plan_id": [{"state": "sent", "plan_id": uuid4()}],
    "uq_import_rows_sent_once": TWICE,
    "ck_messages_state": [{"state": "lost"}],
    "ck_messages_sent_at": [{"state": "sent"}, {"sent_at": NOW}],
    "uq_messages_merchant_id_cause_kind": TWICE,
    "fk_messages_merchant_id": ASTRAY,
    "fk_messages_merchant_id_plan_id": ASTRAY,
    "fk_messages_user_id": ASTRAY,
    "fk_plan_words_merchant_id_plan_id": ASTRAY,
    "fk_reminders_merchant_id_installment_id": ASTRAY,
    "fk_reminders_merchant_id_message_id": ASTRAY,
    "fk_events_merchant_id": ASTRAY,
    "fk_events_merchant_id_plan_id": ASTRAY,
    "fk_events_actor_id": ASTRAY,
    "fk_idempotency_keys_merchant_id": ASTRAY,
    "fk_idempotency_keys_user_id": ASTRAY,
    "fk_idempotency_keys_merchant_id_payment_id": ASTRAY,
    "fk_idempotency_keys_merchant_id_refund_id": ASTRAY,
    "fk_metric_deltas_merchant_id": ASTRAY,
    "fk_due_rollups_merchant_id": ASTRAY,
    "fk_posted_rollups_merchant_id": ASTRAY,
    "fk_cohort_rollups_merchant_id": ASTRAY,
}


def rules() -> dict[str, Rule]:
    """Every rule of the models by its name: the constraints of each table, and its unique indexes."""
    tables = Base.metadata.sorted_tables
    found = [
        rule for table in tables for rule in [*table.constraints, *(i for i in table.indexes if i.unique)]
    ]
    return {str(rule.name): rule for rule in found if not _only_referred_to(rule)}


def _only_referred_to(rule: Rule) -> bool:
    """Whether it is there for a foreign key to refer to: it has all columns of the primary key, which comes first."""
    key = set(rule.table.primary_key.columns.keys())
    return isinstance(rule, UniqueConstraint) and key < {column.name for column in rule.columns}


def hostile_rows(name: str, shop: Shop, other: Shop) -> Iterator[list[Row]]:
    """What to insert into the rule's table, in order, so that the last row breaks the rule; one list for each case."""
    rule = rules()[name]
    for change in HOSTILE.get(name, TWICE):
        row = sound(rule.table.name, shop)
        changes = change(row, shop) if callable(change) else change
        changed = row | changes
        if isinstance(rule, ForeignKeyConstraint) and change == {}:
            yield from ([stray] for stray in astray(rule, row, other))
        elif isinstance(rule, ForeignKeyConstraint | CheckConstraint):
            yield [changed]
        elif isinstance(rule, PrimaryKeyConstraint):
            key = {column.name: row[column.name] for column in rule.columns}
            yield [row, sound(rule.table.name, shop) | key]
        else:
            key = {"id": uuid4()} if "id" in row else {"number": next(fresh)}
            yield [row, row | key | changes]


def astray(rule: ForeignKeyConstraint, row: Row, other: Shop) -> Iterator[Row]:
    """The row with a reference to nothing, and with one to another shop's row."""
    *_, (column, parent) = zip(rule.column_keys, rule.elements, strict=True)
    yield row | {column: uuid4()}
    if len(rule.column_keys) > 1:
        yield row | {column: other.ids[parent.column.table.name]}
