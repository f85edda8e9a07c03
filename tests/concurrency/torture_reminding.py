"""`make torture`, its second half: reminders by real workers that are killed, on both pairs of stores; 1 if unsound."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests import servers

from . import reminding
from .reminding import Pace, Report
from .torture import databases, new, say

FULL = 10_000
COLUMNS = ("database", "queue", "messages", "kills", "letters refused", "came twice", "wrong", "seconds")


def main() -> int:
    """0 if each message is there once and arrived, and at most one came twice for each kill."""
    parser = argparse.ArgumentParser(prog="torture_reminding", description=__doc__)
    parser.add_argument("--reminders", type=int, default=FULL)
    parser.add_argument("--kills", type=int, default=Pace.most_kills, help="at most so many")
    asked = parser.parse_args()
    say("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
    findings = []
    for report in reports(asked.reminders, Pace(most_kills=asked.kills)):
        say(row(report))
        findings += report.wrong
    for finding in findings[:20]:
        say(finding)
    return 1 if findings else 0


def reports(reminders: int, pace: Pace) -> Iterator[Report]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tallystick-torture-")))
        fresh = databases(stack, folder)
        redis_url = stack.enter_context(servers.redis_server())
        for engine, queue in (("sqlite", ""), ("postgres", redis_url)):
            place = new(folder, f"reminding on {engine}")
            yield reminding.run(engine, queue, reminders, fresh(engine, place), place, pace)


def row(report: Report) -> str:
    cells = (
        *(report.engine, report.queue, report.messages, report.kills, report.refused, report.doubled),
        *(len(report.wrong), round(report.seconds)),
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
