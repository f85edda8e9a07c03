"""Passwords as argon2id hashes; nothing here keeps or logs a password."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from portal.core.passwords import LONGEST, normal


class Passwords:
    """Hashes and checks. The profile takes about 30 ms; ``cheap`` is for tests only.

    Profile: m=19456 KiB, t=2, p=1, as the OWASP Password Storage Cheat Sheet recommends.
    """

    def __init__(self, *, cheap: bool = False) -> None:
        cost = {"memory_cost": 8, "time_cost": 1} if cheap else {"memory_cost": 19456, "time_cost": 2}
        self._hasher = PasswordHasher(parallelism=1, **cost)
        self._nobody = self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        return self._hasher.hash(normal(password))

    def matches(self, stored: str | None, password: str) -> bool:
        """Verify the password; takes as long when there is no account (``stored`` is None).

        Hashes from before passwords were normalized fit what was typed then, so both are tried.
        """
        if len(password) > LONGEST:
            stored, password = None, ""
        spellings = dict.fromkeys((normal(password), password))
        return sum(self._fits(stored, spelling) for spelling in spellings) > 0

    def _fits(self, stored: str | None, password: str) -> bool:
        try:
            return self._hasher.verify(stored or self._nobody, password) and stored is not None
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False
