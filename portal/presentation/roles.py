"""The roles and permissions of a shop's members in words."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext as _

from portal.core.errors import N_
from portal.core.roles import PERMISSIONS, MemberRole, Permission

ROLE_NAMES = {
    MemberRole.OWNER: N_("Owner"),
    MemberRole.MANAGER: N_("Manager"),
    MemberRole.SELLER: N_("Sales"),
    MemberRole.BOOKKEEPER: N_("Bookkeeper"),
}

PERMISSION_NAMES = {
    Permission.OFFER: N_("Send, correct and revoke offers"),
    Permission.RECORD: N_("Record payments"),
    Permission.AMEND: N_("Agree other dates"),
    Permission.REFUND: N_("Refund"),
    Permission.CANCEL: N_("Cancel plans"),
    Permission.WRITE_OFF: N_("Write off"),
    Permission.EXPORT: N_("Take files: exports and the journal"),
    Permission.SETTINGS: N_("Change the shop's settings"),
    Permission.KEYS: N_("Connect the payment provider"),
    Permission.TEAM: N_("Manage the team"),
}


@dataclass(frozen=True, slots=True)
class PermissionRow:
    """What one permission allows, and for each role whether it has it."""

    words: str
    granted: tuple[bool, ...]


def role_name(role: str) -> str:
    return _(ROLE_NAMES[MemberRole(role)])


def permission_table() -> list[PermissionRow]:
    """The table of ``core.roles``, as people read it; every member may read."""
    rows = [PermissionRow(_("Read plans, payments and numbers"), (True,) * len(MemberRole))]
    return rows + [
        PermissionRow(_(words), tuple(permission in PERMISSIONS[role] for role in MemberRole))
        for permission, words in PERMISSION_NAMES.items()
    ]
