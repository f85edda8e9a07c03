"""Sends unexpected errors to Sentry, or a service that speaks its protocol, if ``SENTRY_DSN`` names one."""

from __future__ import annotations

from typing import Any

# An address may hold a secret, a form what somebody typed, a header a cookie or token.
LEFT_OUT = ("data", "cookies", "headers", "query_string", "env", "url")


def start(dsn: str | None) -> None:
    """Report what the log calls an error, with its traceback, without values: no variables, no person, no address."""
    if dsn:
        import sentry_sdk
        from sentry_sdk.integrations.flask import FlaskIntegration

        sentry_sdk.init(
            dsn,
            # Of the libraries only Flask: the others would measure every statement.
            auto_enabling_integrations=False,
            integrations=[FlaskIntegration()],
            before_send=_without_secrets,
            include_local_variables=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
        )


def _without_secrets(sent: Any, _hint: dict[str, Any]) -> Any:
    for name in LEFT_OUT:
        sent.get("request", {}).pop(name, None)
    sent.pop("user", None)
    for error in sent.get("exception", {}).get("values", ()):
        # The database names the values of a row from the second line on.
        error["value"] = error["value"].partition("\n")[0]
    return sent
