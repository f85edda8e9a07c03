"""The invariants, each as one query for the rows that break it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select, text, union_all
from sqlalchemy.orm import Session

from portal.core.amendments import AmendmentState
from portal.core.errors import N_
from portal.core.ledger import OWED, SUMS, Entry
from portal.core.schedule import FirstDue
from portal.core.terms import hash_text, written_out
from portal.database import engine_name, without_statement_timeout
from portal.models import (
    Acceptance,
    Amendment,
    Attempt,
    Base,
    Installment,
    Mandate,
    Payment,
    Plan,
    PlanWords,
)
from portal.models.rollups import ROLLUP_TABLES, MetricDelta, recount
from portal.models.search import TEXTS, words_row


@dataclass(frozen=True, slots=True)
class Finding:
    """An invariant's name and sentence, and how many rows break it."""

    name: str
    sentence: str
    broken: int


# A sum of an installment, and the sentence about its postings.
POSTED = {
    "paid": N_("Each installment's paid amount matches its postings."),
    "reversed": N_("Each installment's reversed amount matches its postings."),
    "cancelled": N_("Each installment's cancelled amount matches its postings."),
    "returned": N_("Each installment's returned amount matches its postings."),
    "written_off": N_("Each installment's written-off amount matches its postings."),
    "recovered": N_("Each installment's recovered amount matches its postings."),
    "moved": N_("Each installment's moved amount matches its postings."),
    "paid_before": N_("Each installment's amount paid before matches its postings."),
}


def _posted(name: str) -> str:
    """Installments of which a sum is not that of the postings of its entries."""
    entries = [entry for entry in Entry if entry.sum_name == name]
    between = " OR ".join(f"(p.debit = '{entry.debit}' AND p.credit = '{entry.credit}')" for entry in entries)
    lowering = [f"WHEN p.debit = '{entry.debit}' THEN -p.amount" for entry in entries if entry.sign < 0]
    amount = f"CASE {' '.join(lowering)} ELSE p.amount END" if lowering else "p.amount"
    return (
        "SELECT i.id FROM installments i LEFT JOIN postings p "  # noqa: S608
        f"ON p.merchant_id = i.merchant_id AND p.installment_id = i.id AND ({between}) "
        f"GROUP BY i.merchant_id, i.id, i.{name} HAVING COALESCE(SUM({amount}), 0) <> i.{name}"
    )


def _strays() -> str:
    """Over every foreign key that carries the merchant: rows that name what their own merchant does not have."""
    carrying = (key for table in Base.metadata.sorted_tables for key in table.foreign_key_constraints)
    names = sorted(
        (key.table.name, key.column_keys[1], key.referred_table.name, key.elements[1].column.name)
        for key in carrying
        if len(key.elements) == 2
    )
    return " UNION ALL ".join(
        f"SELECT c.{column} FROM {table} c WHERE c.{column} IS NOT NULL AND NOT EXISTS "  # noqa: S608
        f"(SELECT 1 FROM {other} o WHERE o.merchant_id = c.merchant_id AND o.{target} = c.{column})"
        for table, column, other, target in names
    )


INVARIANTS: dict[str, tuple[str, str]] = {
    "amounts_sum": (
        N_("The installments of every plan add up to its total."),
        "SELECT p.id FROM plans p JOIN installments i ON i.merchant_id = p.merchant_id AND i.plan_id = p.id "
        "GROUP BY p.merchant_id, p.id, p.total, p.num_installments, p.deposit "
        "HAVING SUM(i.amount - i.moved) <> p.total "
        # Those that an amendment added are due by it.
        "OR COUNT(CASE WHEN i.number <= p.num_installments + CASE WHEN p.deposit IS NULL THEN 0 ELSE 1 END "
        "OR i.amendment_id IS NULL THEN 1 END) <> "
        "p.num_installments + CASE WHEN p.deposit IS NULL THEN 0 ELSE 1 END "
        "OR COUNT(CASE WHEN i.number = 1 AND i.amount <> p.deposit THEN 1 END) > 0",
    ),
    "postings_balance": (
        N_("Every posting has two different accounts and an amount above zero, in its plan's currency."),
        "SELECT o.id FROM postings o JOIN installments i ON i.merchant_id = o.merchant_id AND i.id = o.installment_id "
        "JOIN plans p ON p.merchant_id = i.merchant_id AND p.id = i.plan_id "
        "WHERE o.debit = o.credit OR o.amount <= 0 OR o.currency <> p.currency",
    ),
    **{f"{name}_is_posted": (sentence, _posted(name)) for name, sentence in POSTED.items()},
    "not_overpaid": (
        N_("No amount is negative, overpaid or over-returned."),
        f"SELECT id FROM installments WHERE {' OR '.join(f'{name} < 0' for name in SUMS)} OR {OWED} < 0 "  # noqa: S608
        "OR returned + reversed > paid OR recovered > written_off",
    ),
    "debt_is_accepted": (
        N_("The full debt is posted for every accepted plan, and for no other."),
        "SELECT i.id FROM installments i JOIN plans p ON p.merchant_id = i.merchant_id AND p.id = i.plan_id "
        "LEFT JOIN postings o ON o.merchant_id = i.merchant_id AND o.installment_id = i.id "
        "AND o.credit IN ('sales', 'rescheduled') "
        "GROUP BY i.merchant_id, i.id, i.amount, p.acceptance_id "
        "HAVING COALESCE(SUM(o.amount), 0) <> CASE WHEN p.acceptance_id IS NULL THEN 0 ELSE i.amount END",
    ),
    "rescheduled_is_cleared": (
        N_("What an amendment moves away from installments, it moves to others."),
        "SELECT i.plan_id FROM postings o "
        "JOIN installments i ON i.merchant_id = o.merchant_id AND i.id = o.installment_id "
        "WHERE o.debit = 'rescheduled' OR o.credit = 'rescheduled' GROUP BY i.merchant_id, i.plan_id, o.posted_at "
        "HAVING SUM(CASE WHEN o.debit = 'rescheduled' THEN o.amount ELSE -o.amount END) <> 0",
    ),
    "acceptance_is_the_customers": (
        N_("Every accepted plan has an acceptance of its own terms by its own customer."),
        "SELECT p.id FROM plans p LEFT JOIN acceptances a ON a.merchant_id = p.merchant_id AND a.plan_id = p.id "
        "WHERE (p.state NOT IN ('offered', 'declined', 'revoked', 'expired')) <> (a.plan_id IS NOT NULL) "
        "OR a.customer_id <> p.customer_id OR (p.deposit IS NULL AND p.first_due = 'date' "
        "AND (a.terms <> p.terms OR a.terms_hash <> p.terms_hash))",
    ),
    "dates_are_fixed": (
        N_("No accepted plan has a date that still follows the acceptance."),
        "SELECT p.id FROM plans p JOIN installments i ON i.merchant_id = p.merchant_id AND i.plan_id = p.id "
        "WHERE p.acceptance_id IS NOT NULL AND NOT i.due_fixed",
    ),
    "active_while_owed": (
        N_("An accepted plan is active exactly while something is owed."),
        "SELECT p.id FROM plans p JOIN installments i ON i.merchant_id = p.merchant_id AND i.plan_id = p.id "
        "WHERE p.acceptance_id IS NOT NULL GROUP BY p.merchant_id, p.id, p.state "
        "HAVING (SUM(i.owed) > 0) <> (p.state = 'active')",
    ),
    "written_off_is_a_loss": (
        N_("A plan is written off only with an amount that was not paid."),
        "SELECT p.id FROM plans p JOIN installments i ON i.merchant_id = p.merchant_id AND i.plan_id = p.id "
        "WHERE p.state = 'written_off' GROUP BY p.merchant_id, p.id HAVING SUM(i.written_off) = 0",
    ),
    "payments_are_booked": (
        N_("Every successful payment has its postings, and no other payment has any."),
        "SELECT m.id FROM payments m LEFT JOIN postings o ON o.merchant_id = m.merchant_id AND o.payment_id = m.id "
        "AND o.debit = 'cash' GROUP BY m.merchant_id, m.id, m.amount, m.state "
        "HAVING COALESCE(SUM(o.amount), 0) <> CASE WHEN m.state = 'succeeded' THEN m.amount ELSE 0 END",
    ),
    "payments_are_told": (
        N_("Every successful payment has its email and its event."),
        "SELECT m.id FROM payments m WHERE m.state = 'succeeded' AND (NOT EXISTS (SELECT 1 FROM messages t "
        "WHERE t.merchant_id = m.merchant_id AND t.cause = m.id "
        "AND t.kind = CASE WHEN m.recovery THEN 'debt_recovered' WHEN m.method = 'provider' THEN 'payment_received' "
        "ELSE 'payment_recorded' END) "
        "OR NOT EXISTS (SELECT 1 FROM events e WHERE e.merchant_id = m.merchant_id AND e.plan_id = m.plan_id "
        "AND e.kind = CASE WHEN m.recovery THEN 'debt_recovered' WHEN m.method = 'provider' THEN 'payment_succeeded' "
        "ELSE 'payment_recorded' END "
        # An id is hexadecimal with dashes or, as SQLite keeps it, without.
        "AND REPLACE(e.facts ->> 'payment', '-', '') = REPLACE(CAST(m.id AS TEXT), '-', '')))",
    ),
    "reversals_are_booked": (
        N_("Every reversal has its postings, its email and its event."),
        "SELECT m.id FROM payments m LEFT JOIN reversals r ON r.merchant_id = m.merchant_id AND r.payment_id = m.id "
        "LEFT JOIN postings o ON o.merchant_id = m.merchant_id AND o.payment_id = m.id "
        "AND o.credit = 'cash' AND o.debit <> 'refunds' GROUP BY m.merchant_id, m.id, r.amount "
        "HAVING COALESCE(SUM(o.amount), 0) <> COALESCE(r.amount, 0) OR (r.amount IS NOT NULL AND (NOT EXISTS "
        "(SELECT 1 FROM messages t WHERE t.merchant_id = m.merchant_id AND t.cause = m.id "
        "AND t.kind = 'payment_reversed') OR NOT EXISTS (SELECT 1 FROM events e WHERE e.merchant_id = m.merchant_id "
        "AND e.kind = 'payment_reversed' "
        "AND REPLACE(e.facts ->> 'payment', '-', '') = REPLACE(CAST(m.id AS TEXT), '-', ''))))",
    ),
    "paid_on_is_received": (
        N_("An installment is paid on the day on which the last of its payments was received."),
        "SELECT i.id FROM installments i "
        "JOIN allocations a ON a.merchant_id = i.merchant_id AND a.installment_id = i.id AND a.reversed < a.amount "
        "JOIN payments m ON m.merchant_id = a.merchant_id AND m.id = a.payment_id AND m.state = 'succeeded' "
        "WHERE i.paid_on IS NOT NULL AND NOT m.recovery GROUP BY i.merchant_id, i.id, i.paid_on "
        "HAVING MAX(COALESCE(m.received_on, m.settled_on)) <> i.paid_on",
    ),
    "one_plan_one_customer": (
        N_("Payments and their postings belong to the plan and the customer that they name."),
        "SELECT m.id FROM payments m JOIN plans p ON p.merchant_id = m.merchant_id AND p.id = m.plan_id "
        "LEFT JOIN postings o ON o.merchant_id = m.merchant_id AND o.payment_id = m.id "
        "LEFT JOIN installments i ON i.merchant_id = o.merchant_id AND i.id = o.installment_id "
        "WHERE m.customer_id <> p.customer_id OR m.currency <> p.currency OR i.plan_id <> m.plan_id",
    ),
    "returned_within_received": (
        N_("No payment has returned more than it received."),
        "SELECT payment_id FROM postings WHERE debit = 'cash' OR credit = 'cash' GROUP BY merchant_id, payment_id "
        "HAVING SUM(CASE WHEN debit = 'cash' THEN amount ELSE -amount END) < 0",
    ),
    "allocations_are_posted": (
        N_("Each allocation of a payment matches its postings."),
        "SELECT a.payment_id FROM allocations a "
        "JOIN payments m ON m.merchant_id = a.merchant_id AND m.id = a.payment_id AND m.state = 'succeeded' "
        "LEFT JOIN postings o ON o.merchant_id = a.merchant_id AND o.payment_id = a.payment_id "
        "AND o.installment_id = a.installment_id "
        "GROUP BY a.merchant_id, a.payment_id, a.installment_id, a.amount, a.reversed, a.returned HAVING "
        "COALESCE(SUM(CASE WHEN o.debit = 'cash' THEN o.amount END), 0) <> a.amount "
        "OR COALESCE(SUM(CASE WHEN o.credit = 'cash' AND o.debit <> 'refunds' THEN o.amount END), 0) <> a.reversed "
        "OR COALESCE(SUM(CASE WHEN o.credit = 'cash' AND o.debit = 'refunds' THEN o.amount END), 0) <> a.returned",
    ),
    "refunds_are_allocated": (
        N_("Each refund's amount to return matches its allocations."),
        "SELECT r.id FROM refunds r LEFT JOIN refund_allocations a "
        "ON a.merchant_id = r.merchant_id AND a.refund_id = r.id GROUP BY r.merchant_id, r.id, r.to_return "
        "HAVING COALESCE(SUM(a.amount), 0) <> r.to_return",
    ),
    "refunds_are_booked": (
        N_("Each refund's cancelled and returned amounts match its postings."),
        "SELECT r.id FROM refunds r LEFT JOIN postings o ON o.merchant_id = r.merchant_id AND o.refund_id = r.id "
        "GROUP BY r.merchant_id, r.id, r.cancelled, r.returned HAVING "
        "COALESCE(SUM(CASE WHEN o.credit = 'receivable' THEN o.amount END), 0) <> r.cancelled "
        "OR COALESCE(SUM(CASE WHEN o.credit = 'cash' THEN o.amount END), 0) <> r.returned",
    ),
    "payments_are_allocated": (
        N_("The allocations of each payment add up to its amount, for installments of its plan."),
        "SELECT m.id FROM payments m "
        "LEFT JOIN allocations a ON a.merchant_id = m.merchant_id AND a.payment_id = m.id "
        "LEFT JOIN installments i ON i.merchant_id = a.merchant_id AND i.id = a.installment_id "
        "AND i.plan_id = m.plan_id WHERE m.state <> 'declined' GROUP BY m.merchant_id, m.id, m.amount "
        "HAVING COALESCE(SUM(CASE WHEN i.id IS NOT NULL THEN a.amount END), 0) <> m.amount",
    ),
    "processing_is_owed": (
        N_("An installment has at most one payment in progress, and owes what it is to pay."),
        "SELECT i.id FROM installments i "
        "JOIN allocations a ON a.merchant_id = i.merchant_id AND a.installment_id = i.id "
        "JOIN payments m ON m.merchant_id = a.merchant_id AND m.id = a.payment_id AND m.state = 'processing' "
        "GROUP BY i.merchant_id, i.id, i.owed HAVING SUM(a.amount) > i.owed OR COUNT(*) > 1",
    ),
    "currency_is_kept": (
        N_("Every plan is in its shop's currency, which stays from the first offer on."),
        "SELECT p.id FROM plans p JOIN merchants m ON m.id = p.merchant_id "
        "WHERE p.currency <> m.currency OR m.currency_fixed_at IS NULL",
    ),
    "members_are_no_customers": (
        N_("No member of a shop is the customer of one of its plans."),
        "SELECT p.id FROM plans p JOIN members m ON m.merchant_id = p.merchant_id AND m.user_id = p.customer_id "
        "WHERE p.state = 'offered' OR p.acceptance_id IS NOT NULL",
    ),
    "an_owner": (
        N_("Every shop that has sent an offer has an owner."),
        "SELECT s.id FROM merchants s WHERE s.currency_fixed_at IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM members m WHERE m.merchant_id = s.id AND m.role = 'owner')",
    ),
    "one_merchant": (N_("No row of one shop refers to another shop."), _strays()),
}
# Between two computers, and while a stop waits for the plan's lock.
CLOCKS_DIFFER = timedelta(minutes=1)
# How each rollup is checked: what it holds and the deltas to come, less what is counted afresh, leaves nothing.
ROLLUPS = {
    "due_rollups": N_("The totals by due date match the installments of accepted plans."),
    "posted_rollups": N_("The daily totals match the postings."),
    "cohort_rollups": N_("The totals by month of acceptance match the installments of accepted plans."),
}


def run(session: Session) -> list[Finding]:
    """Every invariant, in order, with the number of rows that break it; read only, without a time limit."""
    with without_statement_timeout(session):
        findings = [
            Finding(name, sentence, len(session.execute(text(query)).all()))
            for name, (sentence, query) in INVARIANTS.items()
        ]
        rollups = [_rollup(session, table) for table in ROLLUP_TABLES]
        return [
            *findings,
            *rollups,
            *(check(session) for check in (_hashes, _written_out, _amended_dates, _words, _charges)),
        ]


def _rollup(session: Session, table: type[Base]) -> Finding:
    """Compares a rollup, with the deltas not rolled up yet, to a count of all rows."""
    name = table.__tablename__
    return Finding(name, ROLLUPS[name], len(session.execute(_differing(table, engine_name(session))).all()))


@cache
def _differing(table: type[Base], engine: str) -> Select[Any]:
    """The keys of a rollup under which the two differ."""
    kept = table.__table__
    counted = recount(table, engine).subquery()
    keys = [column.name for column in kept.primary_key]
    sums = [column.name for column in kept.columns if not column.primary_key]
    compared = union_all(
        *(select(*(rows.c[column] for column in keys + sums)) for rows in (kept, MetricDelta.__table__)),
        select(*(counted.c[name] for name in keys), *(-counted.c[name] for name in sums)),
    ).subquery()
    by = [compared.c[name] for name in keys]
    return select(*by).group_by(*by).having(or_(*(func.sum(compared.c[name]) != 0 for name in sums)))


def _hashes(session: Session) -> Finding:
    """The one check that SQL cannot make on both engines: the hash is computed again from the stored text."""
    kept = "SELECT terms, terms_hash FROM acceptances UNION ALL SELECT terms, terms_hash FROM amendments"
    rows = session.execute(text(kept)).yield_per(1000)
    broken = sum(hash_text(row.terms) != row.terms_hash for row in rows)
    return Finding("terms_hash", N_("The hash of every acceptance and amendment matches its terms."), broken)


def _written_out(session: Session) -> Finding:
    """The accepted texts of offers whose dates follow the acceptance, written out again."""
    follows = or_(Plan.deposit.is_not(None), Plan.first_due == FirstDue.ACCEPTANCE)
    query = (
        select(Plan.terms, Plan.accepted_on, Acceptance.terms.label("accepted"))
        .join(Acceptance, (Acceptance.merchant_id == Plan.merchant_id) & (Acceptance.plan_id == Plan.id))
        .where(follows, Plan.accepted_on.is_not(None))
    )
    rows = session.execute(query).yield_per(1000)
    broken = sum(written_out(row.terms, row.accepted_on) != row.accepted for row in rows)
    return Finding(
        "accepted_dates", N_("Dates that follow an acceptance are accepted as they are on that day."), broken
    )


def _amended_dates(session: Session) -> Finding:
    """The lines of the last terms in force, which are JSON, against the installments of amended plans."""
    latest: dict[tuple[UUID, UUID], str] = {}
    in_force = select(Amendment).where(Amendment.state == AmendmentState.IN_FORCE).order_by(Amendment.number)
    for amendment in session.scalars(in_force):
        latest[amendment.merchant_id, amendment.plan_id] = amendment.terms
    broken = 0
    for (merchant_id, plan_id), terms in latest.items():
        due = select(Installment.number, Installment.due_on).where(
            Installment.merchant_id == merchant_id, Installment.plan_id == plan_id
        )
        agreed = {(line["number"], date.fromisoformat(line["due_on"])) for line in json.loads(terms)["lines"]}
        broken += agreed != {tuple(row) for row in session.execute(due)}
    return Finding(
        "amended_dates", N_("Every amended plan is due on the days of its last terms in force."), broken
    )


def _words(session: Session) -> Finding:
    """What plans are found by, folded again by Python."""
    texts = TEXTS.add_columns(PlanWords.words, PlanWords.shop_words).outerjoin(
        PlanWords, (PlanWords.merchant_id == Plan.merchant_id) & (PlanWords.plan_id == Plan.id)
    )
    broken = 0
    for plan in session.execute(texts).yield_per(1000):
        made = words_row(plan)
        broken += (plan.words, plan.shop_words) != (made["words"], made["shop_words"])
    return Finding("words_of_plans", N_("Every plan is searched by the words of its own texts."), broken)


def _charges(session: Session) -> Finding:
    """Payments from saved cards against the consents by which they were made; instants are compared by Python."""
    attempts = (
        select(
            *(Attempt.plan_id, Mandate.plan_id.label("agreed"), Payment.plan_id.label("paid")),
            *(Installment.plan_id.label("due"), Payment.created_at, Mandate.saved_at, Mandate.revoked_at),
        )
        .join(Mandate, (Mandate.merchant_id == Attempt.merchant_id) & (Mandate.id == Attempt.mandate_id))
        .join(Payment, (Payment.merchant_id == Attempt.merchant_id) & (Payment.id == Attempt.payment_id))
        .join(
            Installment,
            (Installment.merchant_id == Attempt.merchant_id) & (Installment.id == Attempt.installment_id),
        )
    )
    broken = 0
    for row in session.execute(attempts).yield_per(1000):
        late = row.revoked_at and row.created_at > row.revoked_at + CLOCKS_DIFFER
        broken += bool(late or not row.saved_at or {row.agreed, row.paid, row.due} != {row.plan_id})
    return Finding(
        "charged_by_consent",
        N_("Each automatic payment belongs to its plan, and was made while a consent was in force."),
        broken,
    )
