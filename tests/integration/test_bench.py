"""The benchmark still runs: a small shop for a moment, and the page that it writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SMALL = ["--plans", "90", "--turns", "1", "--seconds", "0.3", "--only", "table", "--lines", "pay"]


def test_a_small_run_pays_beside_the_bare_program_and_writes_the_page(tmp_path):
    page = tmp_path / "performance.md"
    command = [sys.executable, "-m", "bench", *SMALL, "--report", page]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1].strip() for line in page.read_text().splitlines() if line.startswith("| ")]
    assert rows[0] == "request"
    assert [row.split()[0] for row in rows[2:]] == ["pay"]
