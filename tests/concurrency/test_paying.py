"""Customers pay from sixteen browsers while workers are killed and connections cut; `make torture` runs it larger."""

import pytest

from .driving import Pace, Scenario
from .paying import SCENARIOS, Size, run

SMALL = Size(installments=50, requests=240, pace=Pace(kill_every=0.5, cut_every=0.3))
ORDINARY = [scenario for scenario in SCENARIOS if not (scenario.kills and scenario.cuts)]


@pytest.mark.parametrize(
    ("engine_name", "scenario"),
    [pytest.param(scenario.engine, scenario, id=scenario.id) for scenario in ORDINARY],
    indirect=["engine_name"],
)
def test_what_was_answered_is_what_happened(scenario: Scenario, database_url, tmp_path):
    report = run(scenario, SMALL, database_url, tmp_path)
    assert report.verdict.findings == []
    assert report.verdict.payments >= SMALL.installments // 2
    assert report.faults or not scenario.faulty
