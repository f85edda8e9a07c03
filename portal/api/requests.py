"""How a request is read: strict JSON, refused where two readers could disagree; and the key to repeat it by."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import orjson
from flask import Response, request
from flask.json.provider import DefaultJSONProvider

from portal.core.errors import N_, InvalidInput

LONGEST_NUMBER = 40


class StrictJson(DefaultJSONProvider):
    """JSON (RFC 8259) without what two readers would take differently: repeated names, NaN, endless nesting.

    Answers are encoded by orjson: UUIDs, dates, and instants in UTC (RFC 3339) as they are.
    """

    def response(self, *args: Any, **kwargs: Any) -> Response:
        answer = self._prepare_response_obj(args, kwargs)
        body = orjson.dumps(answer, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
        return self._app.response_class(body, mimetype=self.mimetype)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The value; nothing at all is an empty object. Raises ``ValueError``, which the request makes a 400."""
        text = s if isinstance(s, str) else s.decode()
        if not text:
            return {}
        try:
            value = json.loads(
                text, object_pairs_hook=_once_each, parse_constant=_no_number, parse_int=_integer, **kwargs
            )
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if value is None:
            raise ValueError("null is neither something nor nothing")
        return value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) < len(pairs):
        raise ValueError("a name is given twice")
    return named


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int | float:
    """Parse an overlong number as infinite, so that the field's own rule rejects it by name."""
    return int(digits) if len(digits) <= LONGEST_NUMBER else math.inf


def idempotency_key() -> str | None:
    """The key under which this request is done once, or None. Raises ``InvalidInput``."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not re.fullmatch(r"[!-~]{1,255}", key):
        raise InvalidInput.at(
            "Idempotency-Key", N_("Use 1 to 255 letters, digits and signs, without spaces.")
        )
    return key
