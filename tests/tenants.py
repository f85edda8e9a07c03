"""Whether a statement keeps to one shop, as PostgreSQL itself plans it: what a database on many machines needs.

A table of shops has its rows where their shop is. Each scan of one has to be tied to a shop: ``merchant_id`` equals a
value, or that of another scan which is tied. The planner has drawn all conclusions from the WHERE by then.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg2
from sqlalchemy import Connection

from portal.models import Base
from portal.models.distribution import EVERYWHERE, LOCAL, is_of_shops

# Tables that are asked for by the person; the last two are beside their shops, and say which ones somebody has.
SHARED = LOCAL | EVERYWHERE | {"customers", "members"}
TENANTS = {name for name, table in Base.metadata.tables.items() if is_of_shops(name, table.c.keys())} - SHARED
CONDITIONS = ("Index Cond", "Recheck Cond", "Filter", "Hash Cond", "Merge Cond", "Join Filter")
_NAME = r'("[^"]+"|\w+)'
EQUAL = re.compile(rf"{_NAME}\.(merchant_id|id) = (?:{_NAME}\.(\w+)|[^.]+$|.*::)")
MIRRORED = re.compile(rf"(?=.* = {_NAME}\.(merchant_id|id)$){_NAME}\.(\w+) = ")
KEY_SHOWN = re.compile(r'(?:"([^"]+)"|(\w+))\.merchant_id')
TIED = "a shop"


@dataclass
class Plan:
    """The scans of tables of shops by their names, those that are changed or locked, and which are of one shop."""

    tables: dict[str, str] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    joins: list[tuple[set[str], set[str]]] = field(default_factory=list)
    same: dict[str, str] = field(default_factory=dict)

    def shop(self, scan: str) -> str:
        while scan in self.same:
            scan = self.same[scan]
        return scan

    def tie(self, one: str, other: str) -> None:
        one, other = self.shop(one), self.shop(other)
        if one == TIED:
            one, other = other, one
        if one != other:
            self.same[one] = other

    @property
    def untied(self) -> set[str]:
        return {scan for scan in self.tables if self.shop(scan) != TIED}

    def faults(self) -> Iterator[str]:
        """What no reason excuses."""
        for scan in sorted(self.held & self.untied):
            yield f"changes or locks {self.tables[scan]} of any shop"
        for left, right in self.joins:
            shops = [{self.shop(scan) for scan in side & self.tables.keys()} for side in (left, right)]
            if all(shops) and not shops[0] & shops[1] and shops[0] | shops[1] != {TIED}:
                yield f"joins {sorted(left)} and {sorted(right)} without the shop"


def plan_of(tree: dict[str, Any]) -> Plan:
    plan = Plan()
    # Which rows a hashed subplan is asked for is not told, so it cannot be judged.
    hashed = {f"SubPlan {number}" for number in re.findall(r"hashed SubPlan (\d+)", json.dumps(tree))}
    nodes = list(_walk(tree, hashed))
    for node in nodes:
        name, table = node.get("Alias", ""), node.get("Relation Name")
        if table in TENANTS and node.get("Operation") != "Insert":
            plan.tables[name] = table
        elif table in SHARED:
            plan.shared.add(name)
    for node in nodes:
        for condition in CONDITIONS:
            _read(plan, str(node.get(condition, "")))
        if node["Node Type"] in ("Subquery Scan", "CTE Scan"):
            for inner in _shown(node, nodes):
                plan.tie(node["Alias"], inner)
        children = [
            each for each in node.get("Plans", ()) if each["Parent Relationship"] in ("Outer", "Inner")
        ]
        if len(children) == 2:
            left, right = ({each.get("Alias", "") for each in _rows(child)} for child in children)
            plan.joins.append((left, right))
        if node["Node Type"] == "LockRows":
            # Which tables is not told: those whose row marks the node reads; a single one has no name there.
            marks = " ".join(map(str, node["Plans"][0].get("Output", ())))
            plan.held |= {
                name for name in plan.tables if re.search(rf"\b{name}\.ctid\b|(?<!\.)\bctid\b", marks)
            }
        if node["Node Type"] == "ModifyTable" and node["Operation"] != "Insert" and "Alias" in node:
            plan.held |= {node["Alias"]} & plan.tables.keys()
    return plan


def _walk(node: dict[str, Any], without: set[str]) -> Iterator[dict[str, Any]]:
    yield node
    # Beneath, none of the conditions has to hold; the node above says which do.
    if node["Node Type"] == "BitmapOr":
        return
    for child in node.get("Plans", ()):
        if child.get("Subplan Name") not in without:
            yield from _walk(child, without)


def _rows(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The node and those that its rows come from: neither subqueries that compute a value, nor inside of a subquery."""
    yield node
    for child in node.get("Plans", ()):
        if child["Parent Relationship"] in ("Outer", "Inner", "Member"):
            yield from _rows(child)


def _shown(node: dict[str, Any], nodes: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Whose merchant_id a subquery gives."""
    if node["Node Type"] == "CTE Scan":
        inner = [each for each in nodes if each.get("Subplan Name") == f"CTE {node['CTE Name']}"]
    else:
        inner = [each for each in node.get("Plans", ()) if each["Parent Relationship"] == "Subquery"]
    for each in inner:
        for part in (each, *each.get("Plans", ())):
            for quoted, plain in KEY_SHOWN.findall(" ".join(part.get("Output", ()))):
                yield quoted or plain


def _read(plan: Plan, condition: str) -> None:
    for part in _all_of(condition):
        for match in (EQUAL.match(part), MIRRORED.match(part)):
            if match is None:
                continue
            scan, column, other, other_column = (text and text.strip('"') for text in match.group(1, 2, 3, 4))
            if not _is_key(plan, scan, column):
                continue
            if other and _is_key(plan, other, other_column):
                plan.tie(scan, other)
            elif other not in plan.shared:
                plan.tie(scan, TIED)


def _all_of(condition: str) -> Iterator[str]:
    """The parts that all have to hold; of those joined by OR none has to."""
    while condition.startswith("(") and _closes(condition) == len(condition) - 1:
        condition = condition[1:-1]
    parts, depth, start = [], 0, 0
    for place, sign in enumerate(condition):
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and condition.startswith(" AND ", place):
            parts.append(condition[start:place])
            start = place + len(" AND ")
        if depth == 0 and condition.startswith(" OR ", place):
            return
    if not parts:
        yield condition
        return
    for part in (*parts, condition[start:]):
        yield from _all_of(part)


def _closes(condition: str) -> int:
    """Where the first bracket closes."""
    depth = 0
    for place, sign in enumerate(condition):
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            return place
    return -1


def _is_key(plan: Plan, scan: str, column: str) -> bool:
    """Whether the column says which shop; that of a shared table keeps a scan to none, since it is on each machine."""
    if plan.tables.get(scan) == "merchants":
        return column == "id"
    return column == "merchant_id" and scan not in plan.shared


OWN_WORK = re.compile(r"portal/(queries|services|web|api|tasks|presentation|http_\w+|guards|cli)\b")
BESIDE = re.compile(r"portal/(services/transaction|statements|database|models)\b")


def asked_by() -> str:
    """The function of the portal that sends a statement, as ``module.function``; empty if the portal does not."""
    frame = sys._getframe(2)
    while frame:
        path = frame.f_code.co_filename
        if (
            (found := re.search(r"/(portal/.*)\.py$", path))
            and OWN_WORK.search(path)
            and not BESIDE.search(path)
        ):
            module = found[1].removeprefix("portal/").replace("/", ".")
            name = re.sub(r"\.<locals>.*|\.<\w+>.*", "", frame.f_code.co_qualname)
            return f"{module}.{name}"
        frame = frame.f_back
    return ""


class Watch:
    """Explains each statement that the portal sends to PostgreSQL, the first time that it is seen in this process."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._own: Any = None
        # What nothing excuses, and which functions ask all shops, with an example of each.
        self.faults: list[str] = []
        self.asks_all: dict[str, str] = {}

    def note(
        self, connection: Connection, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        if statement in self._seen or connection.dialect.name != "postgresql":
            return
        if not re.match(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b", statement) or not (asker := asked_by()):
            return
        given = parameters[0] if many and parameters else parameters
        tree = self._explain(connection, cursor.mogrify(statement, given or None))
        if tree is None:
            return
        self._seen.add(statement)
        plan = plan_of(tree)
        if ASK_ALL_SHOPS.get(asker) != FORGETS:
            self.faults += [f"{asker} {fault}:\n{statement}" for fault in plan.faults()]
        if plan.untied:
            self.asks_all.setdefault(asker, statement)

    def _explain(self, connection: Connection, statement: bytes) -> dict[str, Any] | None:
        """None if the statement is at fault itself."""
        if self._own is None:
            url = connection.engine.url.set(drivername="postgresql")
            self._own = psycopg2.connect(url.render_as_string(hide_password=False))
            self._own.autocommit = True
        with suppress(psycopg2.Error), self._own.cursor() as cursor:
            cursor.execute(b"EXPLAIN (VERBOSE, FORMAT JSON) " + statement)
            tree: dict[str, Any] = cursor.fetchone()[0][0]["Plan"]
            return tree
        return None

    def close(self) -> None:
        if self._own is not None:
            self._own.close()


CUSTOMER = "a customer buys from many shops, and asks for what is their own"
MEMBER = "a person is a member of some shops, and is told their names"
ADMIN = "an admin sees all shops"
CHECK = "the self-check reads all there is, by the operator or an admin"
JOB = "a job looks for work in all shops, and then does it shop by shop"
FORGETS = "a job deletes old rows, each by its own age; nobody else writes them"

# Who may ask all shops, and why.
ASK_ALL_SHOPS = {
    "queries.accounts.find_actor": MEMBER,
    "queries.sessions.find_session": MEMBER,
    "services.closing._owned_alone": MEMBER,
    "services.further_shops._require_room": MEMBER,
    "queries.team.shops_of": MEMBER,
    "queries.agreements.find_agreement": CUSTOMER,
    "queries.customer._outlines": CUSTOMER,
    "queries.customer.plan_of_installment": CUSTOMER,
    "queries.invitations.customer_of": "the link of an offer names the plan alone",
    "queries.listing.currency_of_plan": CUSTOMER,
    "queries.listing.merchant_of_plan": CUSTOMER,
    "queries.payments._load": CUSTOMER,
    "queries.personal_data._rows": CUSTOMER,
    "queries.plan_rows.get_installment": CUSTOMER,
    "queries.plan_rows.get_plan": CUSTOMER,
    "queries.plan_rows.list_installments": CUSTOMER,
    "queries.plan_rows.list_plans": CUSTOMER,
    "queries.read_models.load_plan_views": CUSTOMER,
    "queries.refunds.refunds": CUSTOMER,
    "queries.timeline.payments": CUSTOMER,
    "services.amendments._party": CUSTOMER,
    "services.closing.reasons_against": CUSTOMER,
    "services.payments._find": CUSTOMER,
    "queries.admin._of_plan": ADMIN,
    "queries.admin.counts": ADMIN,
    "queries.admin.get_message": ADMIN,
    "queries.admin.list_events": ADMIN,
    "queries.admin.list_messages": ADMIN,
    "queries.mismatches.list_mismatches": ADMIN,
    "queries.operations.operations": "what Prometheus is told",
    "queries.self_check._amended_dates": CHECK,
    "queries.self_check._charges": CHECK,
    "queries.self_check._hashes": CHECK,
    "queries.self_check._rollup": CHECK,
    "queries.self_check._words": CHECK,
    "queries.self_check._written_out": CHECK,
    "queries.self_check.run": CHECK,
    "services.autopay._due_plans": JOB,
    "services.daily_run._zones_of_plans": JOB,
    "services.daily_run.dates": JOB,
    "services.imports.forget_drafts": JOB,
    "services.imports.send_waiting": JOB,
    "services.outbox._merchants_with_mail": JOB,
    "services.payment_settlement.settle_pending": JOB,
    "services.provider_events.settle_events": JOB,
    "services.refund_settlement.settle_pending": JOB,
    "services.rollups.roll_up": JOB,
    "services.saved_cards.settle_waiting": JOB,
    "services.events.forget_origins": FORGETS,
    "services.idempotency.forget_old": FORGETS,
}
