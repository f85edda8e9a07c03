"""A template names every field at fault at once, and holds nothing that no offer could have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portal.core.errors import InvalidInput
from portal.core.plan_templates import Template, check_template
from portal.core.schedule import FirstDue, Frequency

SOUND = Template("A fifth down", 3, Frequency.MONTHLY, FirstDue.DATE, "15", 2000, 30)


def test_its_name_is_cleaned():
    assert check_template(replace(SOUND, name="  A fifth down ")) == SOUND


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("template_name", {"name": " "}),
        ("template_name", {"name": "x" * 61}),
        ("template_name", {"name": "two\nlines"}),
        ("num_installments", {"num_installments": 0}),
        ("num_installments", {"num_installments": 60}),
        ("num_installments", {"num_installments": 61, "deposit": None}),
        ("frequency", {"frequency": Frequency.OWN, "day_of_month": None}),
        ("deposit", {"deposit": 0}),
        ("deposit", {"deposit": 10000}),
        ("valid_days", {"valid_days": 0}),
        ("valid_days", {"valid_days": 61}),
        ("day_of_month", {"day_of_month": "29"}),
        ("day_of_month", {"frequency": Frequency.WEEKLY}),
        ("day_of_month", {"first_due": FirstDue.ACCEPTANCE}),
    ],
)
def test_what_no_offer_could_have_is_refused_at_its_field(field, changes):
    with pytest.raises(InvalidInput) as refused:
        check_template(replace(SOUND, **changes))
    assert list(refused.value.errors) == [field]


def test_all_faults_are_named_at_once():
    with pytest.raises(InvalidInput) as refused:
        check_template(replace(SOUND, name="", num_installments=0, valid_days=0))
    assert set(refused.value.errors) == {"template_name", "num_installments", "valid_days"}
