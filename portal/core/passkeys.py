"""Passkeys: what they are asked to prove, and their limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

NAME_LONGEST = 60
MOST = 20
# Characters of what a browser answers, as JSON. Those of common authenticators have one to three thousand.
ANSWER_LONGEST = 20_000
# So long a browser has to answer a challenge.
CHALLENGES_LAST = timedelta(minutes=5)


class Purpose(StrEnum):
    """What a challenge was made for; an answer counts for nothing else."""

    ADD = "add"
    SIGN_IN = "sign_in"
    SECOND_STEP = "second_step"
    CONFIRM = "confirm"


@dataclass(frozen=True, slots=True)
class Site:
    """The portal as passkeys know it: a domain, and the one origin whose pages may use them."""

    domain: str
    origin: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser sent (JSON), and the challenge that this browser was given for it."""

    challenge: bytes
    credential: str


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey that an authenticator has made."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
