"""Runs the stand-in by itself: ``python -m tests.standin PORT``."""

from __future__ import annotations

import sys

from .server import StandIn

StandIn(int(sys.argv[1])).serve()
