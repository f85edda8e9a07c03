"""Secrets that have to be read again, encrypted for the database (Fernet: AES-128-CBC with HMAC-SHA256)."""

from __future__ import annotations

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken

from .signing import derived_key

OF_APPS = "secrets of authenticator apps"
OF_PROVIDERS = "keys of payment providers"


def seal(secret: str, text: str, purpose: str = OF_APPS) -> str:
    """The text, encrypted under a key of ``SECRET_KEY`` for this purpose."""
    return _fernet(secret, purpose).encrypt(text.encode()).decode()


def unseal(secret: str, sealed: str, purpose: str = OF_APPS) -> str | None:
    """The text, or None for what was not sealed with this ``SECRET_KEY`` for this purpose."""
    try:
        return _fernet(secret, purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None


def _fernet(secret: str, purpose: str) -> Fernet:
    return Fernet(urlsafe_b64encode(derived_key(secret, purpose)))
