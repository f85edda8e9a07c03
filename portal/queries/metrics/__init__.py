"""The merchant's numbers, each defined once, for pages, API and exports."""

from .dashboard import AgeGroup, Dashboard, Point, RatePoint, dashboard
from .debtors import LOOKED_AT, Debtor, debtors
from .registry import NUMBERS, Number, Unit
from .rows import Cursor, Row, RowPage, rows

__all__ = [
    "LOOKED_AT",
    "NUMBERS",
    "AgeGroup",
    "Cursor",
    "Dashboard",
    "Debtor",
    "Number",
    "Point",
    "RatePoint",
    "Row",
    "RowPage",
    "Unit",
    "dashboard",
    "debtors",
    "rows",
]
