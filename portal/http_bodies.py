"""What a request's body may be: read whole or refused, also in chunks without a length; JSON only if it says so."""

from __future__ import annotations

from typing import IO, Any

from htmx_flask import HtmxAwareRequest
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream


class BoundedStream(LimitedStream):
    """A body of unknown length: Werkzeug's own stream cuts off what is over the limit and says nothing."""

    def readall(self) -> bytes:
        read = super().readall()
        if self.is_exhausted and self._stream.read(1):
            raise RequestEntityTooLarge()
        return read


class BoundedRequest(HtmxAwareRequest):
    """A request that is read whole or refused."""

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
        return super().get_json(*args, **options)
