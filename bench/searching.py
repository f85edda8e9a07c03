"""The search of a shop with very many plans, as its list asks: the page of plans and what they come to."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from portal.models import Plan
from portal.queries import merchant
from portal.queries.merchant import PlanListQuery

from . import places
from .places import Place

MOST_MILLISECONDS = 20.0
TURNS = 21


@dataclass(frozen=True, slots=True)
class Search:
    """``plans`` is how many were found, more than the list counts given as one more; the median in milliseconds."""

    engine: str
    asked: str
    plans: int
    median: float

    @property
    def met(self) -> bool:
        return self.median <= MOST_MILLISECONDS


def measure(place: Place) -> Iterator[Search]:
    """Each search in turn, on a database that has settled down; the statements of the list alone, without a page."""
    with places.session(place) as session:
        reference = session.scalars(select(Plan.reference).order_by(Plan.id.desc()).limit(1)).one()
        searches = {
            "nothing": "zebra crossing",
            "a customer's address": "customer-777@example",
            "a name, last first": "777 customer",
            "a reference": reference,
            "what every plan holds": "table",
        }
        for asked, search in searches.items():
            listing, times, count = PlanListQuery(search=search), [], 0
            for _ in range(TURNS):
                session.rollback()
                began = time.perf_counter()
                _page, totals = merchant.page_and_totals(session, place.shops[0], datetime.now(UTC), listing)
                times.append(time.perf_counter() - began)
                count = totals.count + totals.more
            yield Search(place.engine_name, asked, count, 1000 * statistics.median(times))
