"""Over any run of days, outages, failures and moved dates: attempts keep their number, their distance and the stop."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from portal.core.autopay import GAPS, MOST_ATTEMPTS, Attempt, Consent, next_attempt
from portal.core.calendar import business_date, instant_of

DUE = date(2026, 3, 29)
START = datetime(2026, 3, 1, tzinfo=UTC)
zones = st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Kiritimati", "America/New_York", "Asia/Kathmandu"])
# Whether the job runs in each span of so many hours, and how each attempt ends.
HOURS, SPANS = 5, 240
running = st.lists(st.booleans(), min_size=SPANS, max_size=SPANS)
finals = st.lists(st.booleans(), min_size=MOST_ATTEMPTS, max_size=MOST_ATTEMPTS)
hours = st.integers(0, HOURS * SPANS)


def attempts_over(runs, finals, consent, zone, due_on=DUE):
    """What the job attempts, with the instants."""
    made, at = [], []
    for span, is_running in enumerate(runs):
        now = START + timedelta(hours=span * HOURS)
        if not is_running or now < consent.given_at:
            continue
        so_far = consent if consent.ended_at and now >= consent.ended_at else Consent(consent.given_at)
        due = next_attempt(due_on, so_far, made, zone)
        if due and due <= now:
            made.append(Attempt(business_date(now, zone), finals[len(made)]))
            at.append(now)
    return made, at


@given(running, finals, hours, hours, zones)
def test_attempts_keep_their_number_their_distance_and_the_stop(runs, finals, given_in, ends_in, zone):
    given_at = START + timedelta(hours=given_in)
    consent = Consent(given_at, given_at + timedelta(hours=ends_in))
    made, at = attempts_over(runs, finals, consent, zone)
    assert len(made) <= MOST_ATTEMPTS
    assert not any(attempt.final for attempt in made[:-1])
    days = [attempt.made_on for attempt in made]
    distances = [(later - earlier).days for earlier, later in pairwise(days)]
    assert all(distance >= gap for distance, gap in zip(distances, GAPS, strict=False))
    assert len(set(days)) == len(days)
    assert all(day >= DUE for day in days)
    for now in at:
        assert given_at <= now < consent.ended_at
        assert now >= instant_of(business_date(now, zone), time(9), zone)


@given(zones, st.integers(-40, -1))
def test_while_nothing_is_down_attempts_are_on_the_due_day_and_two_four_and_seven_days_later(zone, days):
    consent = Consent(instant_of(DUE + timedelta(days), time(12), zone))
    made, _ = attempts_over([True] * SPANS, [False] * MOST_ATTEMPTS, consent, zone)
    assert [(attempt.made_on - DUE).days for attempt in made] == [0, 2, 4, 7]
