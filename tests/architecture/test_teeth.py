"""Each cut of ``python -m tests.concurrency.teeth`` still meets its line, and the tests that it names are there."""

import subprocess
import sys

import pytest

from tests.concurrency.teeth import CUTS, ROOT, places_of


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.what)
def test_the_text_of_every_cut_is_in_one_place_of_the_portal(cut):
    assert len(places_of(ROOT, cut)) == 1
    assert cut.new != cut.old


def test_every_test_that_a_cut_names_is_collected():
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:cacheprovider"]
    named = sorted({f"tests/concurrency/{test}" for cut in CUTS for test in cut.tests})
    done = subprocess.run([*collect, *named], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
