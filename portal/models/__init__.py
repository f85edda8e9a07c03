"""Tables, constraints and relations; no rules."""

from .base import Base, new_id
from .payments import Payment, Posting, Refund
from .plans import Acceptance, Installment, Plan
from .records import Event, IdempotencyKey, JobRun, Message, Reminder
from .tallies import CohortTally, DueTally, PostedTally, TallyChange
from .users import Customer, LoginAttempt, Merchant, User

__all__ = [
    "Acceptance",
    "Base",
    "CohortTally",
    "Customer",
    "DueTally",
    "Event",
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
    "new_id",
]
