"""Tables, constraints and relations; no rules."""

from .base import Base, new_id
from .payments import Payment, Posting, Refund
from .plans import Acceptance, Installment, Plan
from .records import Event, EventOrigin, IdempotencyKey, JobRun, Message, Reminder
from .tallies import CohortTally, DueTally, PostedTally, TallyChange
from .users import Customer, LoginAttempt, Merchant, User, UserSession

__all__ = [
    "Acceptance",
    "Base",
    "CohortTally",
    "Customer",
    "DueTally",
    "Event",
    "EventOrigin",
    "IdempotencyKey",
    "Installment",
    "JobRun",
    "LoginAttempt",
    "Merchant",
    "Message",
    "Payment",
    "Plan",
    "PostedTally",
    "Posting",
    "Refund",
    "Reminder",
    "TallyChange",
    "User",
    "UserSession",
    "new_id",
]
