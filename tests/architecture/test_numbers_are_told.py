"""Every number of the registry is told where people look: in the documentation, on the dashboard, over the API."""

from dataclasses import fields
from pathlib import Path

from portal.api import figures
from portal.queries.metrics import NUMBERS, Dashboard

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_the_documentation_has_each_definition_and_no_other():
    told = [line for line in (DOCS / "numbers.md").read_text().splitlines() if line.startswith("| `")]
    assert told == [
        f"| `{number.name}` | {number.title} | {number.unit} | {number.definition} |"
        for number in NUMBERS.values()
    ]


def test_the_dashboard_and_the_api_tell_the_numbers_with_what_they_are_compared_with_and_nothing_else():
    compared = {f"{number.name}_before" for number in NUMBERS.values() if number.compared}
    frame = {"currency", "period", "span", "previous"}
    assert {field.name for field in fields(Dashboard)} == {*NUMBERS} | compared | frame
    assert set(figures.Dashboard.model_fields) == {*NUMBERS} | compared | set(figures.Reported.model_fields)
