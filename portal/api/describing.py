"""How an operation is described: its answer, its refusals and their examples; the guard's stamp says who may call."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from portal.core.roles import Need, Permission
from portal.guards import SIGNED_IN

from . import answers, examples, figures
from .answers import Answer
from .pages import PageQuery

View = Callable[..., Any]

MODELS: tuple[type[BaseModel], ...] = (
    answers.NewAccount,
    answers.Account,
    answers.Access,
    answers.Tokens,
    answers.Plan,
    answers.Installment,
    answers.BeingPaid,
    answers.Payment,
    answers.BegunPayment,
    answers.Refund,
    answers.Amendment,
    answers.Problem,
    figures.Dashboard,
)
WAIT = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
NEXT = {"Link": {"description": 'The next page, rel="next", if there is one.', "schema": {"type": "string"}}}
CHALLENGE = {"WWW-Authenticate": {"description": "Bearer.", "schema": {"type": "string"}}}
JSON_ONLY = {"Accept": {"description": "application/json.", "schema": {"type": "string"}}}
HEADERS = {401: CHALLENGE, 415: JSON_ONLY, 429: WAIT, 503: WAIT}
LIMITS = {
    "RateLimit-Limit": "How many requests a minute are let in.",
    "RateLimit-Remaining": "How many of them are left.",
    "RateLimit-Reset": "In how many seconds the count begins anew.",
}
COUNTED = {name: {"$ref": f"#/components/headers/{name}"} for name in LIMITS}
TAGS = {
    "Accounts": "Signing up, signing in, and who you are.",
    "Plans": "Offers and plans of a shop and its customers, and refunds.",
    "Installments": "What is due, and paying it.",
    "Payments": "Amounts paid, and what a shop received elsewhere.",
    "Amendments": "Other dates for a plan, proposed by one side and answered by the other.",
    "Numbers": "A shop's numbers, as on its dashboard.",
}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key again gets the same answer, and nothing is done twice. Kept for 30 days.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


def documented(
    bp: APIBlueprint,
    model: type[Answer],
    changes: dict[str, Any] | None = None,
    *,
    status: int = 200,
    page: bool = False,
    also: dict[int, dict[str, Any]] | None = None,
    refusals: tuple[int, ...] = (),
    instead: dict[int, examples.Json] | None = None,
    keyed: bool = False,
) -> Callable[[View], View]:
    """Describe a view: what it answers, and which refusals besides those of its guard and its inputs.

    ``changes`` are what differs from the model's example; ``also`` names the other statuses of this answer, each with
    its changes; a ``page`` is a list of answers. ``instead`` has examples of problems in other than the usual words.
    Stands above the guard's stamp and the view's inputs.
    """
    expected = {status: changes or {}} | (also or {})
    responses = {
        code: _answer(code, model, model.example(**changed), page) for code, changed in expected.items()
    }

    def describe(view: View) -> View:
        needs = getattr(view, "guard", ())
        inputs = getattr(view, "_spec", {})
        codes = {429, 503, *refusals, *(instead or {}), *_of_the_guard(needs), *_of_the_inputs(inputs, keyed)}
        problems = (
            examples.PROBLEMS | ({} if _refuses_some(needs) else examples.FOREIGN_PAGE) | (instead or {})
        )
        responses.update({code: _problem(code, problems[code]) for code in sorted(codes - set(responses))})
        extensions = {"x-keyed": True} if keyed else {}
        return bp.doc(
            description=_description(view, needs),
            responses=responses,
            security="bearer" if needs else None,
            extensions=extensions,
        )(view)

    return describe


def _description(view: View, needs: tuple[Need, ...]) -> str:
    """Who may call it, and what the view's docstring says below its first line."""
    if not needs:
        who = "For everyone, without a token."
    elif set(needs) == set(SIGNED_IN):
        who = "For everyone who is signed in."
    else:
        who = "For " + " and ".join(_who(need) for need in needs) + "."
    return " ".join([who, *(view.__doc__ or "").split("\n", 1)[1:]]).strip()


def _who(need: Need) -> str:
    return f"members of a shop with the permission {need}" if isinstance(need, Permission) else f"{need}s"


def _of_the_guard(needs: tuple[Need, ...]) -> set[int]:
    if not needs:
        return set()
    return {401, 403} if _refuses_some(needs) else {401}


def _refuses_some(needs: tuple[Need, ...]) -> bool:
    return bool(needs) and set(needs) != set(SIGNED_IN)


def _of_the_inputs(inputs: dict[str, Any], keyed: bool) -> set[int]:
    if "body" in inputs:
        return {400, 403, 413, 415, 422}
    return {422} if "args" in inputs or keyed else set()


def _answer(status: int, model: type[Answer], example: examples.Json, page: bool) -> dict[str, Any]:
    schema: dict[str, Any] = {"$ref": f"#/components/schemas/{model.__name__}"}
    media: dict[str, Any] = {"schema": schema, "example": example}
    if page:
        media = {"schema": {"type": "array", "items": schema}, "example": [example]}
    content = {"application/json": media}
    headers = NEXT if page else {}
    return {"description": HTTPStatus(status).phrase, "content": content, "headers": headers | COUNTED}


def _problem(status: int, example: examples.Json) -> dict[str, Any]:
    # A foreign page is refused before its request is counted.
    counted = {} if example == examples.FOREIGN_PAGE[403] else COUNTED
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {"application/problem+json": {"schema": schema, "example": example}}
    phrase = HTTPStatus(status).phrase
    return {"description": phrase, "content": content, "headers": HEADERS.get(status, {}) | counted}


def complete(spec: dict[str, Any]) -> dict[str, Any]:
    """What decorators cannot say: the answers' models, keys, which bodies are needed, and no empty parts."""
    _definitions, schemas = models_json_schema(
        [(model, "serialization") for model in MODELS], ref_template="#/components/schemas/{model}"
    )
    spec["components"]["schemas"] |= schemas["$defs"]
    spec["components"]["headers"] = {
        name: {"description": text, "schema": {"type": "integer"}} for name, text in LIMITS.items()
    }
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            operation["operationId"] = operation_id(method, path)
            _complete(operation)
    for schema in spec["components"]["schemas"].values():
        _open(schema)
    spec["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    return spec


def operation_id(method: str, path: str) -> str:
    """By which clients name their functions: ``list_plans``, ``pay_installment``, ``create_plan_payment``."""
    parts = path.removeprefix("/api").strip("/").replace("-", "_").split("/")
    *before, last = (part for part in parts if not part.startswith("{"))
    of = (
        [before[-1].removesuffix("s")]
        if before and not parts[-1].startswith("{") and "{" in parts[-2]
        else []
    )
    if "analytics" in before:
        return "_".join(("get", *before, last))
    if method == "get":
        only_one = parts[-1].startswith("{") or not last.endswith("s")
        return "_".join(("get", *of, last.removesuffix("s")) if only_one else ("list", *of, last))
    if last.endswith("s") or not before:
        return "_".join(("create", *of, last.removesuffix("s")))
    return "_".join((last, *(of or [part for part in before[-1:] if part != "auth"])))


def _open(schema: dict[str, Any]) -> None:
    """Answers may get more fields, and a client must not be made to send what is left out as its default."""
    schema.pop("additionalProperties", None)
    for of_field in schema.get("properties", {}).values():
        of_field.pop("default", None)


def _complete(operation: dict[str, Any]) -> None:
    operation.setdefault("security", [])
    if operation.pop("x-keyed", False):
        operation["parameters"].append(KEY)
    if body := operation.get("requestBody"):
        content = body["content"]["application/json"]
        body["required"] = content["schema"] != {"$ref": "#/components/schemas/Nothing"}
        content.setdefault("example", {})
    for parameter in operation["parameters"]:
        first = parameter["schema"].get("enum", [None])[0]
        parameter.setdefault("example", first or PARAMETERS[parameter["name"]])


PARAMETERS = {
    "plan_id": answers.PLAN_ID,
    "installment_id": answers.INSTALLMENT_ID,
    "limit": PageQuery.model_fields["limit"].default,
    "Idempotency-Key": "order-1234",
    "payment_id": "01980000-0000-7000-8000-0000000000e1",
    "number": 1,
    "as": "customer",
    "from": "2026-12-01",
    "to": "2026-12-31",
    "cursor": "WyIwMTk4MDAwMCJd.signature",
}
