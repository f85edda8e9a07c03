"""Wrong passwords and codes: counted by network, known browser and the programs of a known network, refused before any
is checked, with no lock-out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from portal.core.accounts import attempts_key
from portal.core.errors import N_, TooMany
from portal.core.roles import Origin
from portal.models import LoginAttempt, new_id

WINDOW = timedelta(minutes=5)
MOST_WRONG = 10
# After that many wrong attempts from anywhere, strangers to the account get one attempt in this time.
SLOWED = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class KnownBrowser:
    """A browser's random id, and the users who have signed in with it."""

    name: str
    users: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Attempts:
    """The attempts of a browser or network on one ``account``, whose name is hashed, as is a ``known`` browser's."""

    account: str
    network: str
    known: str | None

    @classmethod
    def on(
        cls,
        account: str,
        user_id: UUID | None,
        origin: Origin,
        browser: KnownBrowser | None = None,
        *,
        known_network: bool = False,
    ) -> Attempts:
        """The browser counts for itself if the user has signed in with it, and otherwise by its network; so do the
        programs of a ``known_network``, from which the user has signed in.
        """
        known = attempts_key(browser.name) if browser and user_id in browser.users else None
        if known_network:
            known = attempts_key(f"programs at {origin.network}")
        return cls(attempts_key(account), origin.network, known)

    def refuse_guessing(self, session: Session, now: datetime) -> None:
        """Raise ``TooMany`` after ten wrong attempts in five minutes.

        For a known browser or network of programs these are its own, for others those of their network; and ten from
        anywhere slow all strangers down together, without locking the account.
        """
        if self.known:
            self._refuse(session, LoginAttempt.browser == self.known, WINDOW, now)
            return
        stranger = LoginAttempt.browser.is_(None)
        self._refuse(session, (LoginAttempt.network == self.network) & stranger, WINDOW, now)
        wrong = self._wrong(session, stranger, now)
        if len(wrong) == MOST_WRONG:
            _refuse_until(wrong[0] + SLOWED, now)

    def add(self, session: Session, now: datetime) -> None:
        """Count one that was wrong."""
        session.add(
            LoginAttempt(id=new_id(), account=self.account, network=self.network, browser=self.known, at=now)
        )

    def _refuse(self, session: Session, who: ColumnElement[bool], window: timedelta, now: datetime) -> None:
        wrong = self._wrong(session, who, now)
        if len(wrong) == MOST_WRONG:
            _refuse_until(wrong[-1] + window, now)

    def _wrong(self, session: Session, who: ColumnElement[bool], now: datetime) -> list[datetime]:
        """When the last wrong attempts on the account came, ten at most, the latest first."""
        attempts = select(LoginAttempt.at).where(
            LoginAttempt.account == self.account, LoginAttempt.at > now - WINDOW, who
        )
        return list(session.scalars(attempts.order_by(LoginAttempt.at.desc()).limit(MOST_WRONG)))


def forget_attempts(session: Session, now: datetime) -> int:
    """Remove wrong attempts older than a day; returns how many."""
    old = delete(LoginAttempt).where(LoginAttempt.at < now - timedelta(days=1)).returning(LoginAttempt.id)
    return len(session.scalars(old).all())


def _refuse_until(opens_at: datetime, now: datetime) -> None:
    if now < opens_at:
        wait = int((opens_at - now).total_seconds()) + 1
        raise TooMany(N_("Too many wrong passwords or codes. Wait a few minutes and try again."), wait)
