"""The API's own description: OpenAPI 3.1, and Swagger UI from files of our own; loads nothing from elsewhere."""

from __future__ import annotations

from apiflask import APIBlueprint, APIFlask
from flask import Response, current_app, render_template, request

from .describing import complete
from .guards import public

bp = APIBlueprint("api_docs", __name__, url_prefix="/api", enable_openapi=False)

DESCRIPTION = """\
A merchant offers a plan, the customer accepts and pays, installment by installment. Get an access token at
`/api/token/` and send it as `Authorization: Bearer <token>`. Amounts are decimal strings, dates are `YYYY-MM-DD`,
instants are RFC 3339 in UTC, ids are opaque strings. Errors are `application/problem+json` (RFC 9457); bad input
answers 422 and names every field at fault. A list's next page is in the `Link` header.
"""


def init_app(app: APIFlask) -> None:
    app.config.update(
        OPENAPI_VERSION="3.1.0",
        DESCRIPTION=DESCRIPTION,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_AUTH_ERROR_RESPONSE=False,
        AUTO_404_RESPONSE=False,
        AUTO_200_RESPONSE=False,
        # Paths are whole, and where they are is where the description came from.
        AUTO_SERVERS=False,
        SERVERS=[{"url": "/"}],
        LICENSE={"name": "MIT", "identifier": "MIT"},
        CONTACT={"name": "This portal", "url": app.config["PORTAL_URL"]},
        SECURITY_SCHEMES={"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
    )
    app.spec_processor(complete)


@bp.get("/openapi.json")
@public
def openapi() -> Response:
    """Written once: it is the same for everybody, and takes as long as many a payment."""
    app: APIFlask = current_app
    if "description" not in app.extensions:
        app.extensions["description"] = app.json.dumps(app.spec)
    response = app.response_class(app.extensions["description"], mimetype="application/json")
    response.add_etag()
    return response.make_conditional(request)


@bp.get("/docs/")
@public
def page() -> str:
    return render_template("api/docs.html")
