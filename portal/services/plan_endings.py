"""What ends with a plan that was paid, cancelled or written off: an open amendment, and automatic payments."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from portal.models import Plan

from . import autopay_notices, open_amendments


def end_with(session: Session, plan: Plan, now: datetime) -> None:
    """End what waits on the locked plan, which is about to end. A plan that is reopened later starts without them."""
    open_amendments.withdraw(session, plan, now)
    autopay_notices.end(session, plan, None, "plan_ended", None, now)
