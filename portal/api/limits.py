"""How often the API may be called: each request is counted once, for its user or network, whatever it asks for."""

from __future__ import annotations

from flask import Flask, g, request
from werkzeug.exceptions import TooManyRequests

from portal.core.networks import subscriber_of
from portal.extensions import limiter

from .guards import caller

SECONDS = 60
MOST = 6000
# Those that take a password are counted for the network, whatever token is sent. Registering alone says whether an
# address is known, by contract: so few attempts find out about nobody in numbers.
OF_NETWORK = {"api_auth.register": 10, "api_auth.token": 300}


def init_app(app: Flask) -> None:
    """To be called before the guards are set up, so that a request is counted before the database is asked."""
    app.before_request(_count)


def _count() -> None:
    """Raises 429; what is left is said in the headers of the answer."""
    endpoint = request.endpoint or ""
    if not endpoint.startswith("api_") or not limiter.enabled:
        return
    most = OF_NETWORK.get(endpoint, MOST)
    key = f"{endpoint} {subscriber_of(request.remote_addr or '')}" if endpoint in OF_NETWORK else caller()
    counted, closes_at = limiter.counts.hit(f"api {key}", SECONDS)
    g.limit = most, most - counted, closes_at
    if counted > most:
        raise TooManyRequests()
