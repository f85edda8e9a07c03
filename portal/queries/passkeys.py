"""A person's own passkeys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.core.errors import NotFound
from portal.core.roles import Actor
from portal.models import Passkey


@dataclass(frozen=True, slots=True)
class PasskeyView:
    """A passkey as the account's page shows it."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None


_VIEW = select(Passkey.id, Passkey.name, Passkey.created_at, Passkey.last_used_at)


def list_passkeys(session: Session, actor: Actor) -> list[PasskeyView]:
    """The person's passkeys, the oldest first."""
    rows = session.execute(_VIEW.where(Passkey.user_id == actor.id).order_by(Passkey.id))
    return [PasskeyView(*row) for row in rows]


def get_passkey(session: Session, actor: Actor, passkey_id: UUID) -> PasskeyView:
    """One of the person's own. Raises ``NotFound``."""
    own = _VIEW.where(Passkey.user_id == actor.id, Passkey.id == passkey_id)
    row = session.execute(own).one_or_none()
    if row is None:
        raise NotFound()
    return PasskeyView(*row)


def credential_ids(session: Session, user_id: UUID) -> list[bytes]:
    """What authenticators call this user's passkeys."""
    return list(session.scalars(select(Passkey.credential_id).where(Passkey.user_id == user_id)))
