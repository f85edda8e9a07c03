"""How long a session lasts, on a page and over the API."""

from __future__ import annotations

from datetime import timedelta

PAGES_LAST = timedelta(hours=12)
# As long as its refresh token.
API_LASTS = timedelta(days=1)
# An admin's session ends when nothing was asked for so long.
ADMIN_IDLE = timedelta(minutes=30)
# A session's last use is written at most so often.
SEEN_EVERY = timedelta(minutes=5)
