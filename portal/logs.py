"""Logs as JSON lines with a request id; no password, token or card number is ever passed to it."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from flask import g, has_request_context, request

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


class JsonLine(logging.Formatter):
    """One line per record: time, level, logger, message, the request's id, endpoint, person and shop, and ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if has_request_context() and "request_id" in g:
            line["request_id"] = g.request_id
            line["endpoint"] = request.endpoint
            if person := g.get("person"):
                line |= {"user_id": person.id, "merchant_id": person.member_of}
        line |= {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def start() -> None:
    """Send the portal's records to standard error, once per process."""
    logger = logging.getLogger("portal")
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonLine())
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False


def format_as_json(name: str) -> None:
    """Let the handlers that the logger of this name has by now write JSON lines."""
    for handler in logging.getLogger(name).handlers:
        handler.setFormatter(JsonLine())
