"""The merchant's numbers, each with its one definition; every face shows these and computes none of its own."""

from .dashboard import AgeGroup, Dashboard, Point, RatePoint, dashboard
from .registry import NUMBERS, Number, Unit
from .rows import Cursor, Row, RowPage, rows

__all__ = [
    "NUMBERS", "AgeGroup", "Cursor", "Dashboard", "Number", "Point", "RatePoint", "Row", "RowPage", "Unit",
    "dashboard", "rows",
]  # fmt: skip
