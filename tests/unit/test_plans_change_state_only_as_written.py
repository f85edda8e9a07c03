"""Ten ways lead from one state of a plan to another; every other way is refused."""

from datetime import date, timedelta

import pytest

from portal.core.errors import Conflict
from portal.core.states import ACCEPTED, UNACCEPTED_ENDS, PlanState, shown_state, transition

ALLOWED = {
    ("offered", "active"): "plan_accepted",
    ("offered", "declined"): "plan_declined",
    ("offered", "revoked"): "plan_revoked",
    ("offered", "expired"): "plan_expired",
    ("active", "completed"): "plan_completed",
    ("active", "cancelled"): "plan_cancelled",
    ("active", "written_off"): "plan_written_off",
    ("completed", "active"): "plan_reopened",
    ("cancelled", "active"): "plan_reopened",
    ("written_off", "active"): "plan_reopened",
}
ALL = [(start, end) for start in PlanState for end in PlanState]


@pytest.mark.parametrize(("start", "end"), [way for way in ALL if way in ALLOWED])
def test_an_allowed_way_names_its_event(start, end):
    assert transition(start, end) == ALLOWED[start, end]


@pytest.mark.parametrize(("start", "end"), [way for way in ALL if way not in ALLOWED])
def test_every_other_way_is_a_conflict_that_says_where_the_plan_stands(start, end):
    with pytest.raises(Conflict) as refused:
        transition(start, end)
    assert refused.value.code == f"plan_{start.value}"


def test_the_table_of_this_test_covers_every_state():
    assert len(ALL) == 64
    assert set(PlanState) == {PlanState.OFFERED} | UNACCEPTED_ENDS | ACCEPTED


def test_an_offer_is_open_on_its_last_day_and_expired_on_the_next():
    last_day = date(2026, 4, 1)
    assert shown_state(PlanState.OFFERED, last_day, last_day) is PlanState.OFFERED
    assert shown_state(PlanState.OFFERED, last_day, last_day + timedelta(days=1)) is PlanState.EXPIRED


@pytest.mark.parametrize("state", [s for s in PlanState if s is not PlanState.OFFERED])
def test_only_an_offer_expires(state):
    assert shown_state(state, date(2026, 4, 1), date(2030, 1, 1)) is state
