"""How long a session lasts, on a page and over the API."""

from __future__ import annotations

from datetime import timedelta

PAGES_LAST = timedelta(hours=12)
# As long as its refresh token.
API_LASTS = timedelta(days=1)
# An admin's session ends after this time without a request.
ADMIN_IDLE = timedelta(minutes=30)
# So long a person who proved who they are is not asked again before what could take the account over.
CONFIRMED_FOR = timedelta(minutes=10)
# The least time between two updates of a session's last use.
SEEN_EVERY = timedelta(minutes=5)
