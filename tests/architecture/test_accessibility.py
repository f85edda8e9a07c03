"""The table of docs/accessibility.md: every criterion of WCAG 2.2 A and AA is in it, and every test it names exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TABLE = (ROOT / "docs/accessibility.md").read_text()
# 4.1.1 Parsing is no criterion of WCAG 2.2 any more.
GUIDELINES = {
    "1.1": [1],
    "1.2": [1, 2, 3, 4, 5],
    "1.3": [1, 2, 3, 4, 5],
    "1.4": [1, 2, 3, 4, 5, 10, 11, 12, 13],
    "2.1": [1, 2, 4],
    "2.2": [1, 2],
    "2.3": [1],
    "2.4": [1, 2, 3, 4, 5, 6, 7, 11],
    "2.5": [1, 2, 3, 4, 7, 8],
    "3.1": [1, 2],
    "3.2": [1, 2, 3, 4, 6],
    "3.3": [1, 2, 3, 4, 7, 8],
    "4.1": [2, 3],
}
CRITERIA = [f"{guideline}.{number}" for guideline, numbers in GUIDELINES.items() for number in numbers]


def named(row: str) -> set[str]:
    """The criteria that a row begins with: one, several, or a range of the same guideline."""
    first = row.split("|")[1]
    found = re.findall(r"\d\.\d\.\d+", first)
    if " to " in first:
        start, end = (int(one.rpartition(".")[2]) for one in found)
        return {f"{found[0].rpartition('.')[0]}.{k}" for k in range(start, end + 1)}
    return set(found)


def test_every_criterion_is_in_the_table_once():
    listed = [one for row in re.findall(r"^\| \d.*$", TABLE, re.M) for one in named(row)]
    assert sorted(listed) == sorted(CRITERIA)


def test_every_test_that_the_table_names_exists():
    for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TABLE):
        file = ROOT / path
        assert file.is_file(), path
        assert not name or f"def {name}(" in file.read_text(), f"{path}::{name}"
