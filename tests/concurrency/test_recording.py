"""Cash, parts by card, refunds, reversals, write-off and recovery of one plan at once, while workers die and so on."""

import pytest

from .driving import Pace, Scenario
from .recording import SCENARIOS, run

PLANS = 12
PACE = Pace(kill_every=0.15, cut_every=0.3)
SHORT = [scenario for scenario in SCENARIOS if scenario.faulty == (scenario.engine == "postgres")]


@pytest.mark.parametrize(
    ("engine_name", "scenario"),
    [pytest.param(scenario.engine, scenario, id=scenario.id) for scenario in SHORT],
    indirect=["engine_name"],
)
def test_what_was_answered_is_what_happened(scenario: Scenario, database_url, tmp_path):
    report = run(scenario, PLANS, database_url, tmp_path, PACE)
    assert report.verdict.findings == []
    assert report.requests == PLANS * 7 * 2
    # On every plan somebody was first.
    assert report.verdict.payments >= PLANS
    assert report.faults or not scenario.faulty
