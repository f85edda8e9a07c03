"""`make bench`: the portal beside a bare program, grown shops and a heavy day; writes the page about them."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests import servers
from tests.databases import Superuser

from . import crowd, footprint, growth, overdue, places, searching, table
from .loading import PARTS
from .report import Findings, page, slower
from .table import Effort

PARTS_OF_A_RUN = ("table", "crowd", "footprint", "growth", "search", "overdue")
REPORT = Path(__file__).parent.parent / "docs/performance.md"


def main() -> int:
    asked = _arguments()
    found = Findings(plans=asked.plans, sizes=(asked.few, asked.many))
    if asked.against:
        found.against = subprocess.check_output(
            ["git", "-C", asked.against, "log", "-1", "--format=%h"], text=True
        ).strip()
    try:
        with ExitStack() as stack:
            cluster = stack.enter_context(servers.postgres_server(durable=True))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tallystick-bench-")))
            with Superuser(cluster) as superuser:
                found.version = superuser("SHOW server_version")[0][0].partition(" ")[0]
            _measure(asked, cluster, _folders(folder), found)
    except servers.Missing as missing:
        sys.exit(str(missing))
    options = f" BENCH='{shlex.join(sys.argv[1:])}'" if sys.argv[1:] else ""
    written = page(found, f"make bench{options}")
    for line in slower(REPORT.read_text(), found.lines):
        print(f"Slower: {line}")
    asked.report.write_text(written)
    print(written)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS_OF_A_RUN, default=PARTS_OF_A_RUN)
    parser.add_argument("--lines", nargs="+", default=[""], help="of the table: how their names begin")
    parser.add_argument("--plans", type=int, default=2000, help="of the shop that the table is about")
    parser.add_argument("--turns", type=int, default=3, help="of the portal and the bare program each")
    parser.add_argument("--seconds", type=float, default=3.0, help="that a turn lasts")
    parser.add_argument("--few", type=int, default=10_000, help="installments of a shop before it grows")
    parser.add_argument("--many", type=int, default=1_000_000, help="installments of a grown shop")
    parser.add_argument("--against", type=Path, help="a checkout of an earlier commit, with the same tables")
    parser.add_argument("--report", type=Path, default=REPORT)
    return parser.parse_args()


def _measure(asked: argparse.Namespace, cluster: str, new: Callable[[str], Path], found: Findings) -> None:
    effort = Effort(asked.turns, asked.seconds, asked.against)
    if {"table", "crowd", "footprint"} & set(asked.only):
        shop = _tell("loading", lambda: places.postgres(cluster, new("shop"), asked.plans))
        if "table" in asked.only:
            for line in table.measure(shop, effort, new("table"), tuple(asked.lines)):
                print(line)
                found.lines.append(line)
        if "footprint" in asked.only:
            found.footprint = _tell("footprint", lambda: footprint.measure(shop, new("footprint")))
        if "crowd" in asked.only:
            shops = places.postgres(cluster, new("shops"), asked.plans, table.CLIENTS)
            found.crowd = _tell("crowd", lambda: crowd.measure(shop, shops, effort, new("crowd")))
    if {"growth", "search", "overdue"} & set(asked.only):
        makers = {
            "PostgreSQL": lambda name, plans: places.postgres(cluster, new(name), plans),
            "SQLite": lambda name, plans: places.sqlite(new(name), plans),
        }
        for engine, make in makers.items():
            many = _tell(
                f"loading {engine}",
                lambda make=make, engine=engine: make(f"many-{engine}", asked.many // PARTS),
            )
            if "growth" in asked.only:
                few = make(f"few-{engine}", asked.few // PARTS)
                for growing in growth.measure(few, many, effort, new(f"growth-{engine}")):
                    print(growing)
                    found.growth.append(growing)
            if "search" in asked.only:
                found.searches += _tell("search", lambda many=many: list(searching.measure(many)))
            if "overdue" in asked.only:
                heavy = new(f"overdue-{engine}")
                found.overdue.append(
                    _tell("overdue", lambda m=many, h=heavy: overdue.measure(m, 8 * asked.seconds, h))
                )


def _folders(within: Path) -> Callable[[str], Path]:
    def new(name: str) -> Path:
        (within / name).mkdir()
        return within / name

    return new


def _tell(what: str, work: Callable[[], Any]) -> Any:
    done = work()
    print(f"{what}: {done}")
    return done


if __name__ == "__main__":
    sys.exit(main())
