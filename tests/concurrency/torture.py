"""`make torture`: every scenario at full size on both databases, one table, then the state machine; 1 if unsound."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from tests import servers
from tests.databases import PostgresDatabase, SqliteDatabases

from . import amending, paying, recording, refunding
from .driving import Pace, Report
from .paying import Size
from .web import ROOT

FULL = Size(installments=1000, requests=10000)
REFUNDED_PLANS = 300
# Refunds are soon made, so the cuts are closer together.
REFUND_PACE = Pace(cut_every=0.5)
MACHINE = {"TORTURE_EXAMPLES": "500", "TORTURE_STEPS": "50"}
COLUMNS = (
    *("scenario", "database", "requests", "answers", "kills or cuts", "settled by the job"),
    *("payments", "lost", "doubled", "otherwise wrong", "self-check", "seconds"),
)
LONGEST_COMPLAINT = 20


def main() -> int:
    """0 if everything that was answered is what happened, and nothing else."""
    asked = arguments()
    say("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
    findings: list[str] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tallystick-torture-")))
        for report in reports(asked, databases(stack, folder), folder):
            say(row(report))
            findings += [f"{report.scenario} on {report.engine}: {each}" for each in report.verdict.findings]
    for finding in findings[:LONGEST_COMPLAINT]:
        say(finding)
    machine = 0 if asked.no_machine else state_machine()
    return 1 if findings or machine else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("--installments", type=int, default=FULL.installments)
    parser.add_argument("--requests", type=int, default=FULL.requests)
    parser.add_argument(
        "--plans", type=int, default=REFUNDED_PLANS, help="how many are refunded, recorded on, amended"
    )
    parser.add_argument("--only", default="", help="scenarios whose name holds this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-machine", action="store_true", help="leave the state machine out")
    return parser.parse_args()


def databases(stack: ExitStack, folder: Path) -> Callable[[str, Path], str]:
    """The call that gives the address of an emptied database of an engine."""
    made = {
        "sqlite": SqliteDatabases(new(folder, "template")),
        "postgres": PostgresDatabase(stack.enter_context(servers.postgres_server()), new(folder, "postgres")),
    }
    return lambda engine, place: made[engine].fresh(place)


def reports(asked: argparse.Namespace, fresh: Callable[[str, Path], str], folder: Path) -> Iterator[Report]:
    size = Size(asked.installments, asked.requests)
    for scenario in paying.SCENARIOS:
        if asked.only in scenario.id:
            place = new(folder, scenario.id)
            yield paying.run(scenario, size, fresh(scenario.engine, place), place, asked.seed)
    for story in (refunding, recording, amending):
        for scenario in story.SCENARIOS:
            if asked.only in scenario.id:
                place = new(folder, scenario.id)
                url = fresh(scenario.engine, place)
                yield story.run(scenario, asked.plans, url, place, REFUND_PACE, asked.seed)


def new(folder: Path, name: str) -> Path:
    place = folder / name.replace(" ", "-")
    place.mkdir()
    return place


def row(report: Report) -> str:
    answers = ", ".join(f"{count} x {status}" for status, count in report.answers.most_common() if count)
    verdict = report.verdict
    sound = "green" if not verdict.broken else f"red: {', '.join(verdict.broken)}"
    cells = (
        *(report.scenario, report.engine, report.requests, answers, report.faults, report.settled),
        *(verdict.payments, len(verdict.lost), len(verdict.doubled), len(verdict.wrong)),
        *(sound, round(report.seconds)),
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def state_machine() -> int:
    """The exit code of the model of the whole life of plans, looked through at full size on both databases."""
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "tests/properties_db/test_life_of_plans.py"]
    code = subprocess.run(command, cwd=ROOT, env=os.environ | MACHINE).returncode
    say(f"state machine: {MACHINE}, exit code {code}, {round(time.monotonic() - began)} seconds")
    return code


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
