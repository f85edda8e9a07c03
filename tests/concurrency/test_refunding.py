"""Every refund is tried three times at once, by one key and by three, also while connections are cut."""

import pytest

from .refunding import AT_ONCE, REFUSALS, run

PLANS = 20
# Every so many seconds, so short since so few refunds are soon made.
CUT_EVERY = 0.05
CASES = [("sqlite", None), ("postgres", None), ("postgres", CUT_EVERY)]


@pytest.mark.parametrize(
    ("engine_name", "cut_every"), CASES, indirect=["engine_name"], ids=["sqlite", "postgres", "postgres-cut"]
)
def test_what_was_tried_three_times_is_refunded_once(engine_name, cut_every, database_url, tmp_path):
    report = run(engine_name, PLANS, database_url, tmp_path, cut_every=cut_every)
    assert report.verdict.findings == []
    assert report.verdict.payments == PLANS
    assert report.requests == PLANS * AT_ONCE
    # Of three keys for one plan two are refused; a repeated key never is.
    assert sum(report.answers[refusal] for refusal in REFUSALS) == PLANS // 2 * (AT_ONCE - 1)
    assert report.faults or not cut_every
