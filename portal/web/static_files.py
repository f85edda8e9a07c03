"""Static files: each at an address that holds a hash of its content, so that a browser may keep it for a year."""

from __future__ import annotations

import os
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, current_app, request

YEAR = "public, max-age=31536000, immutable"


def init_app(app: Flask) -> None:
    app.jinja_env.globals["static_url"] = static_url

    @app.after_request
    def cache(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code in (200, 304):
            # While two versions of the portal serve at once, one may be asked for a file that only the other has.
            known = request.args.get("v") == _hash(request.view_args["filename"])  # type: ignore[index]
            response.headers["Cache-Control"] = YEAR if known else "no-cache"
            # In memory it can be compressed whatever the client asks for.
            response.direct_passthrough = False
            response.make_sequence()
        return response


def static_url(filename: str) -> str:
    """Where a file of ``static/`` is served. Raises ``FileNotFoundError`` if there is none."""
    return f"{request.script_root}{current_app.static_url_path}/{filename}?v={_hash(filename)}"


def _hash(filename: str) -> str:
    path = f"{current_app.static_folder}/{filename}"
    return _hash_of_version(path, os.stat(path).st_mtime_ns)


@lru_cache(maxsize=256)
def _hash_of_version(path: str, changed: int) -> str:
    return sha256(Path(path).read_bytes()).hexdigest()[:12]
