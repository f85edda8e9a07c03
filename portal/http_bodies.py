"""How much a request may hold: what comes in chunks, without a length, is refused over the limit as well."""

from __future__ import annotations

from typing import IO

from htmx_flask import HtmxAwareRequest
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream


class WholeStream(LimitedStream):
    """A body of unknown length: Werkzeug's own stream cuts off what is over the limit and says nothing."""

    def readall(self) -> bytes:
        read = super().readall()
        if self.is_exhausted and self._stream.read(1):
            raise RequestEntityTooLarge()
        return read


class WholeRequest(HtmxAwareRequest):
    """A request that is read whole or refused."""

    @cached_property
    def stream(self) -> IO[bytes]:
        stream = super().stream
        if isinstance(stream, LimitedStream) and self.content_length is None:
            return WholeStream(self.input_stream, stream.limit, is_max=True)
        return stream
