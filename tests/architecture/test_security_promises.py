"""Each promise of docs/security.md names a test that is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ROWS = [
    line
    for line in (ROOT / "docs/security.md").read_text().splitlines()
    if line.startswith("|") and "---" not in line and "| promise |" not in line
]


def missing(rows: list[str]) -> list[str]:
    """The rows that name no test, or one that is not there."""
    return [row for row in rows if not any(exists(*named) for named in named_in(row))]


def named_in(row: str) -> list[tuple[str, str]]:
    return re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)


def exists(path: str, name: str) -> bool:
    file = ROOT / path
    functions = ast.walk(ast.parse(file.read_text())) if file.exists() else ()
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in functions)


def test_every_promise_is_held_by_a_test():
    assert len(ROWS) > 40
    assert missing(ROWS) == []


def test_a_promise_without_its_test_is_found():
    rows = ["| V1 | a | |", "| V1 | b | `tests/unit/test_none.py::test_b` |", ROWS[0]]
    assert missing(rows) == rows[:2]
