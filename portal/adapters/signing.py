"""Keys derived from ``SECRET_KEY``, one for each purpose; no key reveals another."""

from __future__ import annotations

import hashlib
import hmac

# Changing a name here changes its key: what was signed with it before is refused.
PURPOSES = frozenset(
    {
        "tokens of the API",
        "cursors of the API",
        "jobs",
        "known browsers",
        "links to set a password",
        "links to unsubscribe",
        "links of offers",
        "links of users",
        "calendar addresses",
        "secrets of authenticator apps",
        "keys of payment providers",
    }
)


def derived_key(secret: str, purpose: str) -> bytes:
    """32 bytes for one of ``PURPOSES``; the same secret and purpose always give the same key."""
    if purpose not in PURPOSES:
        raise ValueError(f"{purpose!r} is not in PURPOSES")
    return hmac.digest(secret.encode(), f"tallystick: {purpose}".encode(), hashlib.sha256)
