"""Under which host names the portal answers: its own alone, so that no forged name gets into a link or redirect."""

from __future__ import annotations

import logging
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, make_response, request
from werkzeug.sansio.utils import host_is_trusted

from .http_errors import for_programs, problem

log = logging.getLogger(__name__)

LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Probes of containers and load balancers ask by number; their answers name no host.
PROBES = ("health.healthz", "health.readyz", "metrics.show")
TEXT = "The portal does not answer under this host name. Use the address that PORTAL_URL names."


def init_app(app: Flask) -> None:
    """Refuse other hosts before anything else of the request is looked at."""
    app.before_request(_refuse_other_hosts)
    if not app.config["TRUSTED_PROXIES"]:
        app.before_request(_warn_of_proxy)


def _is_trusted(host: str) -> bool:
    """Whether it is the host of ``PORTAL_URL``, or another of the machine's own names where that is one of them."""
    name, own = urlsplit(f"//{host}").hostname, urlsplit(current_app.config["PORTAL_URL"]).hostname
    return name == own or (name in LOOPBACK and own in LOOPBACK)


def _refuse_other_hosts() -> Response | None:
    if request.endpoint in PROBES or (host_is_trusted(request.host) and _is_trusted(request.host)):
        return None
    if for_programs():
        return problem(400, TEXT, code="malformed")
    # Without the usual page, whose links and cookies are for the portal's own name.
    return make_response(f"{TEXT}\n", 400, {"Content-Type": "text/plain; charset=utf-8"})


def _warn_of_proxy() -> None:
    """Say once that a proxy on this machine is not trusted: until it is, everyone seems to have its address."""
    known = current_app.extensions
    if "X-Forwarded-For" not in request.headers or "warned_of_proxy" in known:
        return
    if request.remote_addr and ip_address(request.remote_addr).is_loopback:
        known["warned_of_proxy"] = True
        log.warning("X-Forwarded-For from this machine is not believed: set TRUSTED_PROXIES=1 for its proxy")
