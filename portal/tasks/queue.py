"""Huey's queue: SQLite in a file of its own, or Redis; it only wakes jobs, so losing it loses no work."""

from __future__ import annotations

import logging
from pathlib import Path
from time import monotonic

from flask import current_app
from huey import Huey, PriorityRedisExpireHuey, SqliteHuey
from huey.serializer import SignedSerializer
from redis import ConnectionPool
from sqlalchemy import event
from sqlalchemy.orm import Session

from portal.extensions import adapters, db

log = logging.getLogger(__name__)


def make_huey(redis_url: str | None, instance: Path, key: bytes) -> Huey:
    """The queue that the settings name; a Redis that does not answer times out after seconds.

    Huey reads jobs by unpickling, which runs code: one that was not signed with ``key`` is refused before that.
    """
    serializer = SignedSerializer(secret=key)
    if redis_url:
        pool = ConnectionPool.from_url(redis_url, socket_timeout=3, socket_connect_timeout=2)
        return PriorityRedisExpireHuey("portal", results=False, serializer=serializer, connection_pool=pool)
    instance.mkdir(parents=True, exist_ok=True)
    filename = str(instance / "huey.sqlite3")
    return SqliteHuey("portal", results=False, serializer=serializer, filename=filename)


class Wakes:
    """When a process wakes delivery: at once, and once more at the end of the second for all that came in it.

    A wake costs a commit in the queue's file, and delivery takes all there is.
    """

    def __init__(self) -> None:
        self._at = float("-inf")
        self._again = False

    def delay(self, now: float) -> int | None:
        """In how many seconds to wake for what was committed ``now``; None where that is arranged already."""
        if now - self._at >= 1:
            self._at, self._again = now, False
            return 0
        if self._again:
            return None
        self._again = True
        return 1


@event.listens_for(db.session, "after_commit")
def wake(session: Session) -> None:
    """Wake delivery once messages are committed. Without a queue they wait for the next minute's delivery."""
    if not session.info.pop("messages_queued", False):
        return
    wakes: Wakes = current_app.extensions.setdefault("wakes", Wakes())
    delay = wakes.delay(monotonic())
    if delay is None:
        return
    try:
        adapters().wake_delivery(delay)
    except Exception as error:
        log.warning("delivery could not be woken", extra={"error": f"{type(error).__name__}: {error}"})


@event.listens_for(db.session, "after_rollback")
def forget(session: Session) -> None:
    session.info.pop("messages_queued", None)
