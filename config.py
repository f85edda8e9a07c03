"""Settings from the environment; a missing or senseless one is refused with one clear line."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).parent
SHORTEST_KEY = 32
LONGEST_NAME = 40
STANDIN_URL = "http://127.0.0.1:12111"
# Different ones in a key; 64 random hexadecimal digits practically never have fewer.
FEWEST_CHARACTERS = 8


class ConfigError(Exception):
    """A setting that the portal cannot start with; the message names it and what it should be."""


def load_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """The Flask configuration for this environment; raises ``ConfigError``.

    ``PORTAL_INSTANCE`` is the folder of the SQLite file, Huey's file and the generated key (default ``instance/``).
    """
    instance = Path(environ.get("PORTAL_INSTANCE") or ROOT / "instance").resolve()
    portal_url = _url(environ, "PORTAL_URL", ("http", "https")) or f"http://127.0.0.1:{_port(environ)}"
    secure = portal_url.startswith("https:")
    return {
        "INSTANCE": instance,
        "SECRET_KEY_FALLBACKS": _earlier_keys(environ),
        "SECRET_KEY": _secret_key(environ, instance, secure=secure),
        "SQLALCHEMY_DATABASE_URI": _database(environ, instance),
        "MIGRATION_DATABASE_URI": _migration_database(environ),
        "READ_DATABASE_URI": _standby(environ),
        "CORS_ORIGINS": _origins(environ),
        "REDIS_URL": _url(environ, "REDIS_URL", ("redis", "rediss")),
        "PROVIDER_STANDIN": _provider_standin(environ, portal_url),
        "MAIL_URL": _url(environ, "MAIL_URL", ("smtp", "smtps")),
        "VERIFY_EMAIL": _verify_email(environ),
        "PORTAL_URL": portal_url.rstrip("/"),
        "PORTAL_ORIGIN": _origin(portal_url),
        "PASSKEY_DOMAIN": _passkey_domain(portal_url),
        "PORTAL_NAME": _name(environ),
        "PORTAL_CURRENCY": _one_of(environ, "PORTAL_CURRENCY", "USD", _is_currency, "a currency such as USD"),
        "PORTAL_TIMEZONE": _one_of(
            environ, "PORTAL_TIMEZONE", "UTC", _is_time_zone, "a zone such as Europe/Paris"
        ),
        "SECURITY_CONTACT": _security_contact(environ),
        "TRUSTED_PROXIES": _count(environ, "TRUSTED_PROXIES"),
        "STYLEGUIDE": environ.get("PORTAL_STYLEGUIDE") == "1",
        "CHEAP_PASSWORDS": _cheap_passwords(environ, portal_url),
        "ADMINS_NEED_SECOND_FACTOR": secure,
        "SESSION_COOKIE_NAME": "__Host-session" if secure else "session",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": None,
        "MAX_CONTENT_LENGTH": 1_000_000,
    } | _watching(environ)


def _watching(environ: Mapping[str, str]) -> dict[str, Any]:
    """How the portal is watched: who may read ``/metrics``, what is logged, where errors are sent."""
    token = environ.get("PORTAL_METRICS_TOKEN")
    if token and len(token) < SHORTEST_KEY:
        raise ConfigError(
            f"PORTAL_METRICS_TOKEN must have at least {SHORTEST_KEY} characters: openssl rand -hex 32 makes one."
        )
    return {
        "METRICS_TOKEN": token or None,
        "LOG_REQUESTS": environ.get("PORTAL_LOG_REQUESTS") == "1",
        "SENTRY_DSN": _url(environ, "SENTRY_DSN", ("http", "https")),
    }


def _name(environ: Mapping[str, str]) -> str:
    name = " ".join((environ.get("PORTAL_NAME") or "Tallystick").split())
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise ConfigError(f"PORTAL_NAME must be a name of at most {LONGEST_NAME} characters, not {name!r}.")
    return name


def _database(environ: Mapping[str, str], instance: Path) -> str:
    if not environ.get("DATABASE_URL"):
        instance.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{instance / 'portal.sqlite3'}"
    return _database_url(environ, "DATABASE_URL")


def _migration_database(environ: Mapping[str, str]) -> str | None:
    """The address by which the owner of the tables connects, where that is another role than the portal's own."""
    if not environ.get("MIGRATION_DATABASE_URL"):
        return None
    if not urlsplit(environ.get("DATABASE_URL", "")).username:
        raise ConfigError("DATABASE_URL must name the portal's own user when MIGRATION_DATABASE_URL is set.")
    return _database_url(environ, "MIGRATION_DATABASE_URL")


def _standby(environ: Mapping[str, str]) -> str | None:
    """The address of a PostgreSQL that follows the one of ``DATABASE_URL``."""
    if not environ.get("READ_DATABASE_URL"):
        return None
    if not environ.get("DATABASE_URL", "").startswith("postgres"):
        raise ConfigError(
            "READ_DATABASE_URL names a standby of PostgreSQL: DATABASE_URL must name PostgreSQL too."
        )
    return _database_url(environ, "READ_DATABASE_URL")


def _database_url(environ: Mapping[str, str], name: str) -> str:
    """SQLAlchemy 2.1 reads ``postgresql://`` as psycopg 3, so the driver is named."""
    url = environ[name]
    scheme, separator, rest = url.partition("://")
    if scheme in ("postgresql", "postgres", "postgresql+psycopg2") and separator and rest:
        return f"postgresql+psycopg2://{rest}"
    if scheme == "sqlite" and rest.startswith("/") and name == "DATABASE_URL":
        return url
    or_file = " or sqlite:////path/to/file" if name == "DATABASE_URL" else ""
    raise ConfigError(f"{name} must look like postgresql://user:password@host/name{or_file}.")


def _secret_key(environ: Mapping[str, str], instance: Path, *, secure: bool) -> str:
    """A short key can be guessed from one signed cookie, and who has it signs as anybody."""
    given = environ.get("SECRET_KEY")
    key = given or _kept_key(instance)
    where = "SECRET_KEY" if given else f"The key in {instance / 'secret_key'}"
    if len(key.strip()) < SHORTEST_KEY:
        raise ConfigError(
            f"{where} must have at least {SHORTEST_KEY} characters: openssl rand -hex 32 makes one."
        )
    if secure and len(set(key)) < FEWEST_CHARACTERS:
        raise ConfigError(f"{where} repeats itself: openssl rand -hex 32 makes one that cannot be guessed.")
    if secure and environ.get("FLASK_DEBUG", "").lower() not in ("", "0", "false", "no"):
        raise ConfigError(
            "FLASK_DEBUG must not be set where PORTAL_URL is https: it runs what a browser sends."
        )
    return key


def _earlier_keys(environ: Mapping[str, str]) -> list[str]:
    """Keys of before, by which sessions and sealed secrets are still read."""
    keys = environ.get("SECRET_KEY_FALLBACKS", "").split()
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise ConfigError(f"Each of SECRET_KEY_FALLBACKS must have at least {SHORTEST_KEY} characters.")
    return keys


def _kept_key(instance: Path) -> str:
    """The key made at the first start and kept, so that a restart signs nobody out."""
    path = instance / "secret_key"
    try:
        instance.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            # Written whole under another name first: two processes that start together must not read half a key.
            with tempfile.NamedTemporaryFile("w", dir=instance, prefix="secret_key.") as draft:
                draft.write(secrets.token_hex(32))
                draft.flush()
                with contextlib.suppress(FileExistsError):
                    os.link(draft.name, path)
        return path.read_text()
    except OSError as error:
        raise ConfigError(f"SECRET_KEY is not set and {path} cannot be written: {error.strerror}.") from None


def _port(environ: Mapping[str, str]) -> int:
    text = environ.get("PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ConfigError(f"PORT must be a number from 1 to 65535, not {text!r}.")
    return int(text)


def _count(environ: Mapping[str, str], name: str) -> int:
    text = environ.get(name) or "0"
    if not text.isdecimal() or len(text) > 1:
        raise ConfigError(f"{name} must be a number from 0 to 9, not {text!r}.")
    return int(text)


def _url(environ: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str | None:
    text = environ.get(name)
    if not text:
        return None
    parts = urlsplit(text)
    if parts.scheme not in schemes or not parts.netloc:
        raise ConfigError(
            f"{name} must start with {' or '.join(s + '://' for s in schemes)} and name a host, not {text!r}."
        )
    return text


def _verify_email(environ: Mapping[str, str]) -> bool:
    """Whether people prove that an address is theirs; only a mail server can ask them to."""
    text = environ.get("PORTAL_VERIFY_EMAIL") or ""
    if text not in ("", "0", "1"):
        raise ConfigError(f"PORTAL_VERIFY_EMAIL must be 1 or 0, not {text!r}.")
    if text == "1" and not environ.get("MAIL_URL"):
        raise ConfigError("PORTAL_VERIFY_EMAIL=1 needs a mail server: set MAIL_URL.")
    return bool(environ.get("MAIL_URL")) and text != "0"


def _cheap_passwords(environ: Mapping[str, str], portal_url: str) -> bool:
    """Whether passwords are hashed cheaply: for tests, so only where nobody but this machine is served."""
    cheap = environ.get("PORTAL_PASSWORDS") == "cheap"
    listens_at = f"http://{environ.get('HOST') or '127.0.0.1'}"
    if cheap and not (is_loopback(portal_url) and is_loopback(listens_at)):
        raise ConfigError(
            "PORTAL_PASSWORDS=cheap is for tests only: PORTAL_URL and HOST must be of this machine alone, "
            "such as http://127.0.0.1:8000."
        )
    return cheap


def _provider_standin(environ: Mapping[str, str], portal_url: str) -> str | None:
    """Where the stand-in of the payment provider answers, for tests: only where nobody but this machine is served."""
    text = environ.get("PORTAL_PROVIDER_STANDIN") or "0"
    if text == "0":
        return None
    url = STANDIN_URL if text == "1" else text
    if not (is_loopback(url) and is_loopback(portal_url)):
        raise ConfigError(
            "PORTAL_PROVIDER_STANDIN is for tests only: it must be 1, or an address of this machine such as "
            f"{STANDIN_URL}, and PORTAL_URL of this machine too."
        )
    return url.rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether the address is plain http on this machine itself."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        return False
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(parts.hostname).is_loopback
    return parts.hostname == "localhost"


def _origin(url: str) -> str:
    """Scheme, host and port of the address, as a browser sends them: in lower case, without the usual port."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, usual) else "")


def _passkey_domain(url: str) -> str | None:
    """The name that passkeys are bound to; None where browsers refuse them: at a bare address, or without https."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(name)
        return None
    return name if parts.scheme == "https" or name == "localhost" else None


def _security_contact(environ: Mapping[str, str]) -> str | None:
    """As security.txt names it (RFC 9116): a page under https, or an email address."""
    text = environ.get("PORTAL_SECURITY_CONTACT")
    if not text:
        return None
    parts = urlsplit(text)
    if text.isascii() and not re.search(r"\s", text):
        if parts.scheme == "https" and parts.netloc:
            return text
        if address := _address(text.removeprefix("mailto:")):
            return f"mailto:{address}"
    raise ConfigError(
        "PORTAL_SECURITY_CONTACT must be an email address such as security@example.com or a page "
        f"such as https://example.com/security, not {text!r}."
    )


def _origins(environ: Mapping[str, str]) -> list[str]:
    """The front ends of other origins that may call the API from a browser, such as ``http://localhost:3000``.

    Plain names only: Flask-CORS takes what holds a sign such as ``*`` for a regular expression.
    """
    origins = [text.rstrip("/") for text in environ.get("CORS_ORIGINS", "").replace(",", " ").split()]
    for origin in origins:
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", origin):
            raise ConfigError(
                f"CORS_ORIGINS must name origins such as http://localhost:3000, not {origin!r}."
            )
    return origins


def _one_of(environ: Mapping[str, str], name: str, default: str, known: Any, example: str) -> str:
    text = environ.get(name)
    if text and not known(text):
        raise ConfigError(f"{name} must be {example}, not {text!r}.")
    return text or default


# The portal is imported only for settings that are given: what starts it reads them too, and need not hold all of it.


def _is_currency(code: str) -> bool:
    from portal.core.money import EXPONENTS

    return code in EXPONENTS


def _is_time_zone(name: str) -> bool:
    from portal.core.calendar import is_time_zone

    return is_time_zone(name)


def _address(text: str) -> str | None:
    from portal.core.accounts import clean_email
    from portal.core.errors import InvalidInput

    with contextlib.suppress(InvalidInput):
        return clean_email(text)
    return None
