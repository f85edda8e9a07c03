"""The merchant's numbers, each defined once, for pages, API and exports."""

from .dashboard import AgeGroup, Dashboard, Point, RatePoint, dashboard
from .debtors import LOOKED_AT, Debtor, debtors
from .months import FIGURES, Month, MonthFigure, days_of, month, month_rows
from .registry import NUMBERS, Number, Unit
from .rows import Cursor, Row, RowPage, rows

__all__ = [
    "FIGURES",
    "LOOKED_AT",
    "NUMBERS",
    "AgeGroup",
    "Cursor",
    "Dashboard",
    "Debtor",
    "Month",
    "MonthFigure",
    "Number",
    "Point",
    "RatePoint",
    "Row",
    "RowPage",
    "Unit",
    "dashboard",
    "days_of",
    "debtors",
    "month",
    "month_rows",
    "rows",
]
