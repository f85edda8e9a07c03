"""Counts and times of requests, the database and its pool, for ``/metrics``; a slow request is logged."""

from __future__ import annotations

import logging
import time
from typing import Any

from flask import Flask, Response, g, has_request_context, request
from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy import Pool, event
from sqlalchemy.engine import Engine, ExceptionContext

log = logging.getLogger(__name__)

SLOW_SECONDS = 1.0
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Counter("portal_requests", "Requests answered.", ["endpoint", "method", "status"])
SECONDS = Histogram("portal_request_seconds", "Time from request to answer.", ["endpoint"], buckets=BUCKETS)
STATEMENTS = Counter("portal_statements", "SQL statements sent by requests.", ["endpoint"])
ERRORS = Counter("portal_database_errors", "Errors of the database by SQLSTATE.", ["sqlstate"])
CONNECTIONS = Gauge("portal_pool_connections", "Connections in use.", multiprocess_mode="livesum")


def init_app(app: Flask) -> None:
    """Measure each request from here on; to be called before whatever else looks at requests."""
    every = app.config["LOG_REQUESTS"]

    @app.before_request
    def begin() -> None:
        g.began, g.statements = time.perf_counter(), 0

    @app.after_request
    def measure(response: Response) -> Response:
        if "began" in g:
            _measure(response, every)
        return response


def _measure(response: Response, every: bool) -> None:
    endpoint, seconds = request.endpoint or "none", time.perf_counter() - g.began
    # What a client may choose freely would make a line of its own each time.
    method = (
        request.method if request.method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} else "other"
    )
    REQUESTS.labels(endpoint, method, response.status_code).inc()
    SECONDS.labels(endpoint).observe(seconds)
    STATEMENTS.labels(endpoint).inc(g.statements)
    if every or seconds >= SLOW_SECONDS:
        about = {"method": request.method, "status": response.status_code, "ms": round(seconds * 1000, 1)}
        log.info("request", extra=about | {"statements": g.statements})


@event.listens_for(Engine, "before_cursor_execute")
def _count_statement(*_: Any) -> None:
    if has_request_context() and "statements" in g:
        g.statements += 1


@event.listens_for(Engine, "handle_error")
def _count_error(context: ExceptionContext) -> None:
    ERRORS.labels(getattr(context.original_exception, "pgcode", None) or "none").inc()


@event.listens_for(Pool, "checkout")
def _taken(*_: Any) -> None:
    CONNECTIONS.inc()


@event.listens_for(Pool, "checkin")
def _given_back(*_: Any) -> None:
    CONNECTIONS.dec()
