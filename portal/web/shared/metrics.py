"""``/metrics`` for Prometheus: requests of all processes, and what waits in the database."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator
from ipaddress import ip_address

from flask import Blueprint, Response, abort, current_app, request
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from portal.extensions import db, now
from portal.queries.operations import Operations, operations
from portal.services.transaction import rollback_safely
from portal.web.guards import public

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
@public
def show() -> ResponseReturnValue:
    if not _may_read():
        abort(404)
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)
        shown = generate_latest(registry)
    else:
        shown = generate_latest(REGISTRY)
    registry = CollectorRegistry()
    registry.register(Database())
    return Response(shown + generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_read() -> bool:
    """Who has the token; without one set, this machine itself, unless a proxy passes the request on."""
    token = current_app.config["METRICS_TOKEN"]
    if token:
        sent = request.authorization
        given = (sent.token or "") if sent and sent.type == "bearer" else ""
        return hmac.compare_digest(given.encode(), token.encode())
    passed_on = {"X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Via"} & set(request.headers.keys())
    address = request.remote_addr
    return bool(address) and not passed_on and ip_address(address).is_loopback


class Database(Collector):
    """What is read from the database at the moment; ``portal_database_up`` is 0, and the rest not there, without it."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            found = operations(db.session, now())
        except SQLAlchemyError:
            rollback_safely(db.session)
            yield GaugeMetricFamily("portal_database_up", "Whether the database answers.", 0)
            return
        yield GaugeMetricFamily("portal_database_up", "Whether the database answers.", 1)
        yield from _families(found)


def _families(found: Operations) -> Iterator[GaugeMetricFamily]:
    single = (
        ("portal_emails_queued", "Emails waiting to be sent.", found.emails_queued),
        ("portal_oldest_email_seconds", "For how long the first of them has been due.", found.oldest_email),
        ("portal_emails_failed", "Emails that were refused too often.", found.emails_failed),
        (
            "portal_payments_processing",
            "Payments without an answer of the provider.",
            found.payments_processing,
        ),
        ("portal_oldest_payment_seconds", "The age of the oldest of them.", found.oldest_payment),
        ("portal_lock_waits", "Connections that wait for a lock now.", found.lock_waits),
    )
    for name, words, value in single:
        yield GaugeMetricFamily(name, words, value)
    overdue = GaugeMetricFamily("portal_job_overdue_seconds", "By how much a job is overdue.", labels=["job"])
    for job, seconds in found.jobs.items():
        overdue.add_metric([job], seconds)
    yield overdue
    if found.broken is not None:
        yield GaugeMetricFamily(
            "portal_self_check_broken", "Invariants that the latest found broken.", found.broken
        )
        yield GaugeMetricFamily("portal_self_check_age_seconds", "How long ago that was.", found.checked)
