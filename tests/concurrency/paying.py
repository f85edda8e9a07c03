"""Customers pay, every key twice and every installment under several, in every scenario."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from . import driving
from .driving import Pace, Report, Scenario, Story
from .orders import Order, mixed
from .verdict import judge
from .world import Target, build


@dataclass(frozen=True, slots=True)
class Size:
    """How much is paid, and how close together the faults are."""

    installments: int
    requests: int
    pace: Pace = field(default_factory=Pace)


SCENARIOS = (
    Scenario("paying", "sqlite"),
    Scenario("paying", "postgres"),
    Scenario("workers killed", "sqlite", kills=True),
    Scenario("workers killed", "postgres", kills=True),
    Scenario("connections cut", "postgres", cuts=True),
    Scenario("killed and cut", "postgres", kills=True, cuts=True),
)


def run(scenario: Scenario, size: Size, database_url: str, folder: Path, seed: int = 1) -> Report:
    targets: list[Target] = []

    def begin(session: Session) -> list[Order]:
        targets.extend(build(session, size.installments, datetime.now(UTC)))
        return mixed(targets, size.requests, seed)

    story = Story(begin, lambda session, log, faulty: judge(session, targets, log, faulty=faulty))
    return driving.run(scenario, size.pace, story, database_url, folder, seed)
