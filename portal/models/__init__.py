"""Tables, constraints and relations; the ledger's own are imported from ``portal.models.ledger``, so that it shows."""

from . import ledger as ledger
from .amendments import Amendment, AmendmentLine
from .base import Base, new_id
from .imports import Import, ImportRow
from .mandates import Attempt, Mandate
from .payments import Payment, Refund, Reversal
from .plan_templates import PlanTemplate
from .plans import Acceptance, Installment, Plan
from .providers import Dispute, ProviderEvent, ProviderKey
from .records import Event, EventOrigin, IdempotencyKey, JobRun, Message, Reminder
from .rollups import CohortRollup, DueRollup, PostedRollup
from .search import PlanWords
from .second_factors import Passkey, RecoveryCode, SecondFactor, UsedChallenge
from .users import Customer, LoginAttempt, Member, MemberInvitation, Merchant, User, UserSession, UserToken

__all__ = [
    "Acceptance",
    "Amendment",
    "AmendmentLine",
    "Attempt",
    "Base",
    "CohortRollup",
    "Customer",
    "Dispute",
    "DueRollup",
    "Event",
    "EventOrigin",
    "IdempotencyKey",
    "Import",
    "ImportRow",
    "Installment",
    "JobRun",
    "LoginAttempt",
    "Mandate",
    "Member",
    "MemberInvitation",
    "Merchant",
    "Message",
    "Passkey",
    "Payment",
    "Plan",
    "PlanTemplate",
    "PlanWords",
    "PostedRollup",
    "ProviderEvent",
    "ProviderKey",
    "RecoveryCode",
    "Refund",
    "Reminder",
    "Reversal",
    "SecondFactor",
    "UsedChallenge",
    "User",
    "UserSession",
    "UserToken",
    "new_id",
]
