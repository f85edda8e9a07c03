"""What the links of emails are for, and how long they work."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum


class Purpose(StrEnum):
    VERIFY_EMAIL = "verify_email"
    CHANGE_EMAIL = "change_email"
    UNDO_EMAIL = "undo_email"
    JOIN_SHOP = "join_shop"


LAST = {
    Purpose.VERIFY_EMAIL: timedelta(days=1),
    Purpose.CHANGE_EMAIL: timedelta(days=1),
    Purpose.UNDO_EMAIL: timedelta(days=7),
    Purpose.JOIN_SHOP: timedelta(days=1),
}
# So many links of one purpose are sent to a person in an hour, and one in a minute.
MOST_AN_HOUR = 5
BETWEEN = timedelta(minutes=1)
