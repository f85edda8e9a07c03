"""Dates are proposed, answered and spread while plans are paid, workers die and connections are cut."""

import pytest

from .amending import SCENARIOS, run
from .driving import Pace, Scenario

PLANS = 5
PACE = Pace(kill_every=0.6, cut_every=0.4)
# One fault for each engine; `make torture` runs the others too.
FAULTY = [SCENARIOS[2], SCENARIOS[4]]


@pytest.mark.parametrize(
    ("engine_name", "scenario"),
    [pytest.param(scenario.engine, scenario, id=scenario.id) for scenario in FAULTY],
    indirect=["engine_name"],
)
def test_what_was_answered_is_what_happened(scenario: Scenario, database_url, tmp_path):
    report = run(scenario, PLANS, database_url, tmp_path, PACE)
    assert report.verdict.findings == []
    # On every plan something was paid and something changed.
    assert report.verdict.payments >= 2 * PLANS
    assert report.faults
