"""Every refund is tried three times at once, by one key and by three, while workers die and connections are cut too."""

import pytest

from .driving import Pace, Scenario
from .refunding import AT_ONCE, REFUSED, SCENARIOS, run

PLANS = 20
# Close together, since so few refunds are soon made.
PACE = Pace(kill_every=0.15, cut_every=0.3)
ORDINARY = [scenario for scenario in SCENARIOS if not (scenario.kills and scenario.engine == "sqlite")]


@pytest.mark.parametrize(
    ("engine_name", "scenario"),
    [pytest.param(scenario.engine, scenario, id=scenario.id) for scenario in ORDINARY],
    indirect=["engine_name"],
)
def test_what_was_tried_three_times_is_refunded_once(scenario: Scenario, database_url, tmp_path):
    report = run(scenario, PLANS, database_url, tmp_path, PACE)
    assert report.verdict.findings == []
    assert report.verdict.payments == PLANS
    assert report.requests == PLANS * AT_ONCE
    # Of three keys for one plan two are refused; a repeated key never is.
    assert sum(report.answers[str(status)] for status in REFUSED) == PLANS // 2 * (AT_ONCE - 1)
    assert report.faults or not scenario.faulty
