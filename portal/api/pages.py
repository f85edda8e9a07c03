"""Lists page by page: signed cursors that fit one list only, and the Link to the next page (RFC 8288)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from flask import Response, current_app, jsonify, request, url_for
from itsdangerous import BadData, URLSafeSerializer
from pydantic import Field, WithJsonSchema

from portal.adapters.signing import derived_key
from portal.core.errors import N_, InvalidInput
from portal.core.roles import Actor

from .guards import actor
from .schemas import Query, parsed_by, text, whole_number

MOST = 200


def _limit(value: Any) -> int:
    limit = whole_number(value)
    if not 1 <= limit <= MOST:
        raise InvalidInput.at("", N_("Ask for 1 to %(most)s at a time."), most=MOST)
    return limit


Limit = Annotated[
    int, parsed_by(_limit), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST, "default": 50})
]
Cursor = text(500, description="From the Link header of the page before.")


class PageQuery(Query):
    """How much of a list, and from where on."""

    limit: Limit = 50
    cursor: Cursor = Field(None)


class OwnQuery(PageQuery):
    """A list of what is one's own: of the shop that a person acts for, or else of what the person buys."""

    side: Literal["customer"] = Field(
        None, alias="as", description="For members of a shop: what they buy, elsewhere."
    )

    @property
    def reader(self) -> Actor:
        return actor().buying() if self.side else actor()


def _signer(of: str) -> URLSafeSerializer:
    """A cursor fits the list, the filter and the user that it was made for."""
    key = derived_key(current_app.config["SECRET_KEY"], "cursors of the API")
    return URLSafeSerializer(key, salt=f"cursor of {of} for {actor().id}")


def position(of: str, query: PageQuery) -> list[str] | None:
    """Where the page before ended, or None for the first page. Raises ``InvalidInput`` at ``cursor``."""
    if query.cursor is None:
        return None
    try:
        where: list[str] = _signer(of).loads(query.cursor)
    except BadData:
        raise InvalidInput.at(
            "cursor", N_("This cursor is not from this list. Start at its first page.")
        ) from None
    return where


def page(
    of: str,
    query: PageQuery,
    found: Sequence[Any],
    write: Callable[[Any], dict[str, Any]],
    end: Callable[[Any], list[str]],
) -> Response:
    """A bare array of at most ``limit`` of what was found; one more than that means that there is a next page."""
    shown = found[: query.limit]
    response = jsonify([write(one) for one in shown])
    if len(found) > len(shown):
        cursor = _signer(of).dumps(end(shown[-1]))
        args = (request.view_args or {}) | request.args.to_dict() | {"cursor": cursor}
        url = url_for(request.endpoint or "", _external=True, **args)
        response.headers["Link"] = f'<{url}>; rel="next"'
    return response
