"""A shop with as many plans as asked for, put into an empty database by SQL; the self-check must find nothing.

Every customer has fifteen plans of six installments, two weeks apart, but one of a large shop two hundred. The first
dates lie between twelve weeks ago and four weeks ahead; what is due by today is paid, but for one plan in 25, whose
last installments are late.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg2
from sqlalchemy import create_engine, insert, literal, select, text, update
from sqlalchemy.orm import Session

from portal.core import terms
from portal.core.money import split
from portal.core.roles import Actor
from portal.core.schedule import Line
from portal.models import Merchant, User, UserSession
from portal.models.users import DEFAULT_SHOP
from portal.services import rollups, search_words
from portal.services.transaction import unit_of_work
from tests import factories

PARTS = 6
APART = 14
PLANS_OF_A_CUSTOMER = 15
# One customer of a large enough shop, the first, has very many.
MANY_PLANS = 200
LARGE_SHOP = 10 * MANY_PLANS
TOTAL = 15000
YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the two databases write what they do not write alike."""

    series: str
    id: str
    swapped: str
    plus: str
    noon: str
    hexadecimal: str
    object: str
    array: str

    def numbers(self, count: int) -> str:
        return self.series.format(last=count - 1)


POSTGRES = Dialect(
    series="s(n) AS (SELECT generate_series(0, {last}))",
    id="('{kind}0000-0000-7000-8000-' || lpad(to_hex({number}), 12, '0'))::uuid",
    swapped="('{kind}' || substr({column}::text, 5))::uuid",
    plus="(DATE '{day}' + CAST({days} AS integer))",
    noon="(CAST({day} AS timestamp) + interval '12 hours') AT TIME ZONE 'UTC'",
    hexadecimal="lpad(to_hex({number}), 8, '0')",
    object="json_build_object",
    array="json_build_array",
)
SQLITE = Dialect(
    series="RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {last})",
    id="('{kind}0000000070008000' || printf('%012x', {number}))",
    swapped="('{kind}' || substr({column}, 5))",
    plus="date('{day}', ({days}) || ' days')",
    noon="({day} || ' 12:00:00.000000')",
    hexadecimal="printf('%08x', {number})",
    object="json_object",
    array="json_array",
)

# The first digits of the ids name the table; all sort before those that the program makes today.
CUSTOMER, PLAN, INSTALLMENT, PAYMENT, DEBT, CASH, MESSAGE, EVENT, SELLER = (
    f"019{digit}" for digit in range(9)
)
# Who works for the first shop, beside its owner.
SELLERS = 16


def load(session: Session, url: str, merchant: Actor, plans: int, first: int = 0) -> None:
    """Give the shop so many plans, numbered from ``first`` on; ``url`` is the database's, as its superuser."""
    dialect = POSTGRES if url.startswith("postgresql") else SQLITE
    statements = _statements(dialect, merchant, plans, first, datetime.now(UTC).date())
    session.rollback()
    with closing(_unguarded(url)) as connection:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        connection.commit()


def settle_down(session: Session, url: str) -> None:
    """Count the sums that the portal keeps beside the rows, and let the database look at what it holds now.

    Everybody has a session, whose id is the user's and which was used in a year from now: no request has to note it.
    """
    begins, ends = (
        literal(at, UserSession.ends_at.type) for at in (datetime.now(UTC), datetime.now(UTC) + YEAR)
    )
    nowhere = literal("")
    opened = select(User.id, User.id, nowhere, nowhere, begins, ends, ends, DEFAULT_SHOP).where(
        User.password_hash.is_not(None)
    )
    columns = ["id", "user_id", "browser", "network", "created_at", "last_seen_at", "ends_at", "merchant_id"]
    with unit_of_work(session):
        rollups.rebuild_rollups(session)
        search_words.rewrite(session)
        session.execute(insert(UserSession).from_select(columns, opened))
        shops = update(Merchant).where(Merchant.user_id.is_not(None))
        session.execute(shops.values(currency_fixed_at=Merchant.created_at))
    with closing(_unguarded(url)) as connection:
        connection.commit()
        if url.startswith("sqlite"):
            connection.execute("ANALYZE")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            connection.autocommit = True
            connection.cursor().execute("VACUUM ANALYZE")
            connection.cursor().execute("CHECKPOINT")
    # Flush to disk now, so that the next measurement does not wait for it.
    os.sync()


def check(url: str) -> None:
    """Raises RuntimeError unless the self-check finds the loaded rows sound."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg2:"))
    with Session(engine) as session:
        if engine.dialect.name == "postgresql":
            session.execute(text("SET work_mem = '256MB'"))
        broken = factories.broken_invariants(session)
    engine.dispose()
    if broken:
        raise RuntimeError(f"the loaded rows break {', '.join(broken)}")


def customer_id(number: int) -> UUID:
    return _id(CUSTOMER, number)


def plan_id(number: int) -> UUID:
    return _id(PLAN, number)


def seller_id(number: int) -> UUID:
    return _id(SELLER, number)


def _id(kind: str, number: int) -> UUID:
    return UUID(f"{kind}0000-0000-7000-8000-{number:012x}")


def _unguarded(url: str) -> Any:
    """A connection of the driver's own, without foreign keys being looked up row by row: the self-check looks later."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        for pragma in (
            "foreign_keys = OFF",
            "synchronous = OFF",
            "cache_size = -400000",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection
    connection = psycopg2.connect(url)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica; SET timezone = 'UTC'; SET work_mem = '256MB'")
    return connection


def _statements(sql: Dialect, merchant: Actor, plans: int, first: int, today: date) -> list[str]:
    words = _words(sql, merchant, plans, first, today)
    sellers = [] if first else _sellers(sql, words["shop"], today)
    return [statement.format(**words) for statement in PLANS] + sellers + _books(sql, words["shop"])


def _words(sql: Dialect, merchant: Actor, plans: int, first: int, today: date) -> dict[str, str]:
    """The values of the statements, in the engine's dialect; ``n`` counts plans and ``k`` their installments."""
    number, starts = f"({first} + n)", f"(n * 112 / {plans} - 84)"
    agreed = _terms(merchant, today)
    own = person = f"({number} / {PLANS_OF_A_CUSTOMER})"
    if plans >= LARGE_SHOP:
        person = f"(CASE WHEN {number} < {MANY_PLANS} THEN 0 ELSE {number} / {PLANS_OF_A_CUSTOMER} END)"
    due = f"{starts} + {APART} * (k - 1)"
    day_of = {"agreed": f"{starts} - 30", "starts": starts, "due": due, "late": f"{due} + 1"}
    on = {name: sql.plus.format(day=today, days=days) for name, days in day_of.items()}
    parts = " UNION ALL ".join(f"SELECT {k}" for k in range(2, PARTS + 1))
    return {
        "shop": f"'{merchant.id if sql is POSTGRES else merchant.id.hex}'",
        "numbers": sql.numbers(plans),
        "parts": f"parts(k) AS (SELECT 1 UNION ALL {parts})",
        "count": str(PARTS),
        "person": person,
        "first_of_person": f"n % {PLANS_OF_A_CUSTOMER} = 0",
        "customer": sql.id.format(kind=CUSTOMER, number=person),
        "own": sql.id.format(kind=CUSTOMER, number=own),
        "own_email": f"'customer-' || {own} || '@example.com'",
        "email": f"'customer-' || {person} || '@example.com'",
        "password": factories.password_hash(),
        "plan": sql.id.format(kind=PLAN, number=number),
        "reference": sql.hexadecimal.format(number=number),
        "total": str(TOTAL),
        "each": str(TOTAL // PARTS),
        "terms": agreed,
        "terms_hash": terms.hash_text(agreed),
        "installment": sql.id.format(kind=INSTALLMENT, number=f"{number} * 64 + k"),
        # What is due by today is paid, but on one plan in 25 only the first three installments are.
        "paid": f"({due} < 0 AND (n % 25 <> 0 OR k <= 3))",
        "unpaid": f"({due} < 0 AND n % 25 = 0 AND k > 3)",
        "active": f"({starts} + {APART} * {PARTS - 1} >= 0 OR n % 25 = 0)",
        "starts_on": on["starts"],
        "agreed_on": on["agreed"],
        "agreed_at": sql.noon.format(day=on["agreed"]),
        "due_on": on["due"],
        "due_at": sql.noon.format(day=on["due"]),
        "late_on": on["late"],
    }


PLANS = (
    "WITH {numbers} INSERT INTO users (id, email, username, username_key, name, password_hash, role, session_version, "
    "language, test_card, created_at) SELECT {own}, {own_email}, {own_email}, {own_email}, 'Customer ' || n, "
    "'{password}', 'customer', 1, 'en', 'succeeds', {agreed_at} FROM s WHERE {first_of_person}",
    "WITH {numbers} INSERT INTO plans (merchant_id, id, reference, customer_id, customer_email, description, total, "
    "currency, num_installments, frequency, start_date, state, acceptance_id, terms, terms_hash, last_day, "
    "accepted_on, created_at, updated_at) SELECT {shop}, {plan}, {reference}, {customer}, {email}, "
    "'Oak dining table, six chairs', {total}, 'USD', {count}, 'biweekly', {starts_on}, "
    "CASE WHEN {active} THEN 'active' ELSE 'completed' END, {plan}, '{terms}', '{terms_hash}', "
    "{starts_on}, {agreed_on}, {agreed_at}, {agreed_at} FROM s",
    "INSERT INTO customers (merchant_id, id, user_id, created_at) SELECT merchant_id, customer_id, customer_id, "
    "MIN(created_at) FROM plans WHERE merchant_id = {shop} AND customer_id NOT IN "
    "(SELECT user_id FROM customers WHERE merchant_id = {shop}) GROUP BY merchant_id, customer_id",
    "INSERT INTO acceptances (merchant_id, plan_id, customer_id, terms, terms_hash, accepted_at, address, "
    "user_agent, how) SELECT merchant_id, id, customer_id, terms, terms_hash, created_at, '192.0.2.7', 'Browser', "
    "'accepted' FROM plans WHERE merchant_id = {shop}",
    "WITH {numbers}, {parts} INSERT INTO installments (merchant_id, id, plan_id, number, amount, due_on, paid, "
    "cancelled, returned, late_on, paid_on, paid_at) SELECT {shop}, {installment}, {plan}, k, {each}, {due_on}, "
    "CASE WHEN {paid} THEN {each} ELSE 0 END, 0, 0, CASE WHEN {unpaid} THEN {late_on} END, "
    "CASE WHEN {paid} THEN {due_on} END, CASE WHEN {paid} THEN {due_at} END FROM s CROSS JOIN parts",
)


def _sellers(sql: Dialect, shop: str, today: date) -> list[str]:
    """The people who work for the shop beside its owner."""
    seller, since = sql.id.format(kind=SELLER, number="n"), sql.noon.format(day=f"date('{today}')")
    rows = f"WITH {sql.numbers(SELLERS)} INSERT INTO"
    name, password = "'seller-' || n", factories.password_hash()
    return [
        f"{rows} users (id, email, username, username_key, name, password_hash, role, session_version, language, "
        f"test_card, created_at) SELECT {seller}, {name} || '@example.com', {name}, {name}, {name}, '{password}', "
        f"'merchant', 1, 'en', 'succeeds', {since} FROM s",
        f"{rows} members (merchant_id, user_id, role, created_at) SELECT {shop}, {seller}, 'seller', {since} FROM s",
    ]


def _books(sql: Dialect, shop: str) -> list[str]:
    """Payments, postings, emails and events that follow from the installments."""

    def made(kind: str) -> str:
        return sql.swapped.format(kind=kind, column="i.id")

    accepted = sql.noon.format(day="p.accepted_on")
    of_the_shop = (
        "FROM installments i JOIN plans p ON p.merchant_id = i.merchant_id AND p.id = i.plan_id "
        f"WHERE i.merchant_id = {shop}"
    )
    paid = f"{of_the_shop} AND i.paid > 0"
    postings = (
        "INSERT INTO postings (merchant_id, id, installment_id, payment_id, debit, credit, amount, currency, "
        "posted_at, posted_on) SELECT i.merchant_id"
    )
    return [
        "INSERT INTO payments (merchant_id, id, plan_id, customer_id, amount, currency, provider, test_card, state, "
        f"outcome, number, created_at, settled_at, settled_on) SELECT i.merchant_id, {made(PAYMENT)}, i.plan_id, "
        f"p.customer_id, i.paid, p.currency, 'simulator', 'succeeds', 'succeeded', 'succeeded', i.number, "
        f"i.paid_at, i.paid_at, i.paid_on {paid}",
        "INSERT INTO allocations (merchant_id, payment_id, installment_id, amount) "
        f"SELECT i.merchant_id, {made(PAYMENT)}, i.id, i.paid {paid}",
        f"{postings}, {made(DEBT)}, i.id, NULL, 'receivable', 'sales', i.amount, p.currency, {accepted}, "
        f"p.accepted_on {of_the_shop}",
        f"{postings}, {made(CASH)}, i.id, {made(PAYMENT)}, 'cash', 'receivable', i.paid, p.currency, i.paid_at, "
        f"i.paid_on {paid}",
        "INSERT INTO messages (merchant_id, id, cause, kind, user_id, plan_id, facts, state, tries, send_after, "
        f"created_at, sent_at, subject, body) SELECT i.merchant_id, {made(MESSAGE)}, {made(PAYMENT)}, "
        "'payment_received', p.customer_id, p.id, '{}', 'sent', 1, i.paid_at, i.paid_at, i.paid_at, "
        f"'Payment received', 'Thank you.' {paid}",
        "INSERT INTO events (merchant_id, id, kind, actor_id, plan_id, facts, at) SELECT i.merchant_id, "
        f"{made(EVENT)}, 'payment_succeeded', p.customer_id, p.id, {sql.object}('payment', {made(PAYMENT)}, 'amount', "
        f"i.paid, 'currency', p.currency, 'receipt', p.reference || '-' || i.number, 'installments', "
        f"{sql.array}(i.number)), i.paid_at {paid}",
    ]


def _terms(merchant: Actor, today: date) -> str:
    """The text that all of these plans share; what it says of dates is only ever read by people."""
    lines = tuple(Line(number, amount, today) for number, amount in enumerate(split(TOTAL, PARTS), 1))
    written = terms.write_terms(
        seller=merchant.name,
        support=merchant.email,
        buyer="customer@example.com",
        description="Oak dining table, six chairs",
        currency="USD",
        frequency="biweekly",
        lines=lines,
        last_day=today,
        timezone="UTC",
    ).canonical()
    return written.replace("'", "''")
