"""Ids count up, and stay with the clock however many are made at once."""

from __future__ import annotations

import subprocess
import sys
import time

from portal.models import new_id


def milliseconds_of(number: int) -> int:
    """The instant in a UUIDv7: its first 48 bits."""
    return number >> 80


def test_many_ids_made_at_once_count_up_and_do_not_run_ahead_of_the_clock():
    ids = [new_id().int for _ in range(20_000)]
    assert ids == sorted(set(ids))
    assert milliseconds_of(ids[-1]) <= time.time_ns() // 1_000_000
    assert {(number >> 76 & 0xF, number >> 62 & 0b11) for number in ids} == {(7, 0b10)}


# Each process writes into a pipe of its own: what two write into one may be mixed.
FORKED = """
import os
from portal.models import new_id

new_id()
reader, writer = os.pipe()
child = os.fork()
ids = " ".join(str(new_id()) for _ in range(200))
if child == 0:
    os.write(writer, ids.encode())
    os._exit(0)
os.close(writer)
with os.fdopen(reader) as pipe:
    print(ids, pipe.read())
os.waitpid(child, 0)
"""


def test_processes_that_were_forked_make_different_ids():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True)
    ids = done.stdout.split()
    assert len(ids) == len(set(ids)) == 400
