"""How much a request may hold: bodies are read whole or refused, fields counted and cut before they are decoded."""

from __future__ import annotations

from io import BytesIO
from typing import IO, Any

from flask import Flask, request
from htmx_flask import HtmxAwareRequest
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge, RequestURITooLarge, UnsupportedMediaType
from werkzeug.formparser import FormDataParser
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream

from .core.errors import N_, InvalidInput

# In bytes. Gunicorn takes no longer line than 4,094; other servers do.
LONGEST_ADDRESS = 8000
# In bytes before decoding and characters after: what is longer is cut, and still too long for every field.
LONGEST_VALUE = 20_000
CUT = "\u2026"
# Values, lists or objects in JSON, counted before it is read: more than any request needs.
MOST_PARTS = 10_000


def init_app(app: Flask) -> None:
    app.request_class = BoundedRequest
    app.before_request(_refuse_long_addresses)


def _refuse_long_addresses() -> None:
    if len(request.query_string) + len(request.path) > LONGEST_ADDRESS:
        raise RequestURITooLarge()


class BoundedStream(LimitedStream):
    """A body of unknown length; Werkzeug's own stream silently truncates it at the limit."""

    def readall(self) -> bytes:
        read = super().readall()
        if self.is_exhausted and self._stream.read(1):
            raise RequestEntityTooLarge()
        return read


class BoundedForms(FormDataParser):
    """Werkzeug limits neither the number of fields of a URL-encoded form nor what decoding a long one costs."""

    def parse(self, stream: IO[bytes], mimetype: str, *about: Any, **more: Any) -> Any:
        if mimetype == "application/x-www-form-urlencoded":
            stream = BytesIO(_bounded(stream.read(), self.max_form_parts or 0))
        stream, form, files = super().parse(stream, mimetype, *about, **more)
        return stream, _cut(form), files


def _bounded(body: bytes, most: int) -> bytes:
    if body.count(b"&") >= most:
        raise RequestEntityTooLarge()
    return b"&".join(map(_cut_pair, body.split(b"&")))


def _cut_pair(pair: bytes) -> bytes:
    """The field as it is, or its beginning without half a character at the end, which stays too long if trimmed."""
    return (
        pair if len(pair) <= LONGEST_VALUE else (pair[:LONGEST_VALUE].decode(errors="ignore") + CUT).encode()
    )


def _cut(form: MultiDict[str, str]) -> MultiDict[str, str]:
    return MultiDict(
        (name, value if len(value) <= LONGEST_VALUE else value[:LONGEST_VALUE] + CUT)
        for name, value in form.items(multi=True)
    )


class BoundedRequest(HtmxAwareRequest):
    """A request that is read whole or refused."""

    form_data_parser_class = BoundedForms

    @cached_property
    def stream(self) -> IO[bytes]:
        stream = super().stream
        if isinstance(stream, LimitedStream) and self.content_length is None:
            return BoundedStream(self.input_stream, stream.limit, is_max=True)
        return stream

    def get_json(self, *args: Any, **options: Any) -> Any:
        """Raises 415 for a body of another type: a page of another site can send such a one without a preflight."""
        if self.mimetype != "application/json" and self.get_data():
            raise UnsupportedMediaType()
        body = self.get_data()
        if any(body.count(sign) > MOST_PARTS for sign in (b",", b"[", b"{")):
            raise InvalidInput.at("body", N_("Send fewer and shorter fields."))
        return super().get_json(*args, **options)
