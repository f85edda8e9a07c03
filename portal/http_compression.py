"""Answers are compressed as the client asks for, but for those whose length could betray a secret (BREACH).

Who can make a browser send text to a page that repeats it learns from the length of the compressed answer what else
stands there. So the token of forms is written anew for each answer, and an answer with another secret stays as it is.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error

from flask import Flask, Response, g, request
from flask_compress import Compress
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf

compress = Compress()


class MaskedCSRFProtect(CSRFProtect):
    """Flask-WTF's protection, whose token is masked by a random pad in each answer."""

    def init_app(self, app: Flask) -> None:
        super().init_app(app)
        app.jinja_env.globals["csrf_token"] = masked_token
        app.context_processor(lambda: {"csrf_token": masked_token})

    def _get_csrf_token(self) -> str | None:
        sent = super()._get_csrf_token()
        return sent and unmasked(sent)


def masked_token() -> str:
    """The token of this answer's forms: the same for all of them."""
    if "masked_csrf_token" not in g:
        g.masked_csrf_token = masked(generate_csrf())
    token: str = g.masked_csrf_token
    return token


def masked(token: str) -> str:
    """A random pad, and ``token`` with the pad laid over it: other text each time."""
    plain = token.encode("ascii")
    pad = secrets.token_bytes(len(plain))
    return urlsafe_b64encode(pad + _xor(plain, pad)).decode("ascii").rstrip("=")


def unmasked(text: str) -> str:
    """The token in a masked one; empty for any other text."""
    try:
        both = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        half = len(both) // 2
        return _xor(both[:half], both[half:]).decode("ascii")
    except (Error, UnicodeError, ValueError):
        return ""


def _xor(first: bytes, second: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(first, second, strict=True))


def leave_uncompressed() -> None:
    """For a view that shows a secret other than the token of forms."""
    g.uncompressed = True


def init_app(app: Flask) -> None:
    """To be called before anything else that looks at answers, since Flask runs these in the reverse order."""
    app.config["COMPRESS_REGISTER"] = False
    app.config["COMPRESS_MIMETYPES"] = [
        "text/html",
        "text/css",
        "text/javascript",
        "text/csv",
        "text/calendar",
        "text/plain",
        "application/json",
        "application/problem+json",
        "image/svg+xml",
    ]
    compress.init_app(app)

    @app.after_request
    def shrink(response: Response) -> Response:
        if g.get("uncompressed") or "token" in (request.view_args or {}):
            return response
        return compress.after_request(response)
