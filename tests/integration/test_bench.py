"""The benchmark still runs: a small shop for a moment, and the page that it writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.report import slower
from bench.table import Goal, Line

ROOT = Path(__file__).parent.parent.parent
SMALL = ["--plans", "90", "--turns", "1", "--seconds", "0.3", "--only", "table", "--lines", "pay", "search"]


def test_a_small_run_reads_and_pays_beside_the_bare_program_and_writes_the_page(tmp_path):
    page = tmp_path / "performance.md"
    command = [sys.executable, "-m", "bench", *SMALL, "--report", page]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1].strip() for line in page.read_text().splitlines() if line.startswith("| ")]
    assert rows[0] == "request"
    assert [row.split()[0] for row in rows[2:]] == ["pay", "search"]


def test_requests_that_cost_more_than_on_the_page_before_are_named():
    before = "| one plan | 80% | 90% | yes |\n| pay | 65% | 60% | **no** |\n"
    lines = [
        Line(name, Goal(), 3, 100, 1.0, share, None, 1, 1, 1)
        for name, share in (("one plan", 0.85), ("pay", 0.56), ("new", 0.2))
    ]
    assert list(slower(before, lines)) == ["one plan: 85% of bare, on the page before 90%"]
