"""An installment's sums change in services/ledger.py alone, and the documentation shows the entries that it knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.core.ledger import SUMS, Entry

ROOT = Path(__file__).parent.parent.parent
LEDGER = ROOT / "portal/services/ledger.py"
# A refund counts what went back under the same name.
REFUND = (ROOT / "portal/services/refund_settlement.py", "row.returned")
IN_SQL = "UPDATE installments SET|INSERT INTO (installments|postings)"


def written_sums(text: str) -> Iterator[str]:
    """Where a program changes a sum: by assigning it, by the values of a statement, or in a statement's text."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (ast.unparse(t) for t in targets if isinstance(t, ast.Attribute) and t.attr in SUMS)
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "values"
        ):
            named = {keyword.arg for keyword in node.keywords}
            named |= {word.value for word in ast.walk(node) if isinstance(word, ast.Constant)}
            if re.search(r"(update|insert)\(Installment\b", ast.unparse(node.func)) and named & set(SUMS):
                yield ast.unparse(node)
        elif isinstance(node, ast.Constant) and re.search(IN_SQL, str(node.value)):
            yield str(node.value)


def test_only_the_ledger_changes_a_sum():
    found = [
        (path, written)
        for path in sorted((ROOT / "portal").rglob("*.py"))
        if path != LEDGER
        for written in written_sums(path.read_text())
    ]
    assert [change for change in found if change != REFUND] == []


def test_only_the_ledger_spells_out_what_is_owed():
    formula = re.compile(r"amount\s*-\s*[\w.]*paid\b|paid\s*\+\s*[\w.]*cancelled\b")
    assert formula.search("line.amount - line.paid - line.cancelled")
    assert formula.search("i.paid + i.cancelled < i.amount")
    known = {LEDGER, ROOT / "portal/core/ledger.py"}
    files = [*(ROOT / "portal").rglob("*.py"), *(ROOT / "templates").rglob("*.html")]
    assert [path for path in files if path not in known and formula.search(path.read_text())] == []


@pytest.mark.parametrize(
    "breach",
    [
        "line.paid += 1",
        "line.cancelled = line.amount",
        "session.execute(update(Installment).where(Installment.id == i).values(paid=1))",
        "update(Installment).values({'written_off': 5})",
        "text('UPDATE installments SET paid = 0')",
    ],
)
def test_a_breach_is_found(breach):
    assert list(written_sums(breach))


@pytest.mark.parametrize(
    "kept",
    [
        "paid = line.paid",
        "update(Installment).values(late_on=None)",
        "update(Refund).values(returned=1)",
        "replace(balance, paid=1)",
    ],
)
def test_what_is_right_passes(kept):
    assert list(written_sums(kept)) == []


def test_the_documentation_shows_every_entry():
    page = (ROOT / "docs/architecture.md").read_text()
    shown = re.findall(r"^\| `(\w+)` \| (\w+) \| (\w+) \| (.+) \|$", page, re.MULTILINE)
    assert shown == [
        (
            entry.name,
            entry.debit,
            entry.credit,
            ("less " if entry.sign < 0 else "") + (entry.sum_name or "amount"),
        )
        for entry in Entry
    ]
