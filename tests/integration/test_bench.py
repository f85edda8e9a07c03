"""The benchmark still runs: a small shop for a moment, and the page that it writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SMALL = ["--plans", "180", "--turns", "1", "--seconds", "0.3", "--only", "table", "crowd"]


def test_a_small_run_measures_every_request_and_writes_the_page(tmp_path):
    page = tmp_path / "performance.md"
    command = [sys.executable, "-m", "bench", *SMALL, "--report", page]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line for line in page.read_text().splitlines() if line.startswith("| ") and "API" in line]
    assert len(rows) == 6
    assert "schedule page of the customer" in page.read_text()
    assert "payments a second at one shop" in page.read_text()
