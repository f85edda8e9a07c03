"""Secrets that have to be read again, encrypted for the database (Fernet: AES-128-CBC with HMAC-SHA256)."""

from __future__ import annotations

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken

from .signing import derived_key


def seal(secret: str, text: str) -> str:
    """The text, encrypted under a key of ``SECRET_KEY``."""
    return _fernet(secret).encrypt(text.encode()).decode()


def unseal(secret: str, sealed: str) -> str | None:
    """The text, or None for what was not sealed with this ``SECRET_KEY``."""
    try:
        return _fernet(secret).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None


def _fernet(secret: str) -> Fernet:
    return Fernet(urlsafe_b64encode(derived_key(secret, "secrets of authenticator apps")))
