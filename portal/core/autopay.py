"""When an installment is taken from the customer's card without a click, by consent; the clock is an argument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from .calendar import business_date, instant_of

TAKEN_AT = time(9, 0)
# Days from each attempt to the next: two, four and seven days after the first.
GAPS = (2, 2, 3)
MOST_ATTEMPTS = 1 + len(GAPS)
# After one of these the same card may succeed on another day. After any other end it is not asked again.
TRY_AGAIN_AFTER = frozenset({"declined", "insufficient_funds", "refused", "abandoned"})
# The card itself is of no more use: it is lost, has expired, or was closed.
CARD_UNUSABLE = "card_unusable"
# The bank wants the customer to confirm the payment.
NEEDS_CUSTOMER = "needs_customer"


@dataclass(frozen=True, slots=True)
class Consent:
    """When the customer agreed, and when that ended."""

    given_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt for an installment: its day in the plan's zone, and whether it is the last with this card."""

    made_on: date
    final: bool = False


def next_attempt(due_on: date, consent: Consent, made: Sequence[Attempt], zone: str) -> datetime | None:
    """The instant from which an owed installment may be taken next, None if never; ``made`` is in order.

    The first attempt is at nine on the due day, or the first morning after the consent if that is later. One that
    fails is repeated two, four and seven days after the first.
    """
    if consent.ended_at or len(made) >= MOST_ATTEMPTS or any(attempt.final for attempt in made):
        return None
    given_on = business_date(consent.given_at, zone)
    after_nine = instant_of(given_on, TAKEN_AT, zone) < consent.given_at
    days = [due_on, given_on + timedelta(days=after_nine)]
    if made:
        days.append(made[-1].made_on + timedelta(days=GAPS[len(made) - 1]))
    return instant_of(max(days), TAKEN_AT, zone)
