"""What requests may hold: strict fields that guess nothing, held to the rules of core; every fault is named at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import partial
from itertools import islice
from typing import Annotated, Any, ClassVar, NoReturn, Self
from uuid import UUID

from flask import request
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PrivateAttr,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from portal.core.accounts import EMAIL_LONGEST
from portal.core.calendar import MOST_OFFER_DAYS
from portal.core.errors import N_, Faults, InvalidInput, PortalError
from portal.core.money import MAX_AMOUNT
from portal.core.schedule import MAX_INSTALLMENTS, MONTH_DAYS
from portal.core.text import MOST_COMPOSED, check_length

# Pydantic's errors in the portal's words.
REFUSALS = {
    "missing": N_("This field is required."),
    "string_type": N_("Send a text."),
}
UNKNOWN = N_("There is no such field here.")
OTHERWISE = N_("This is not one of the values that this field takes.")

# What a fault is named after when it is in no field, and the most of a field's name that is repeated.
WHOLE_BODY = "body"
LONGEST_NAME = 100
MOST_UNKNOWN = 20

AMOUNT = r"[0-9]{1,13}(\.[0-9]{1,3})?"
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


def without_null(schema: dict[str, Any]) -> None:
    """A field that may be left out has no default of null, which would be refused if it were sent."""
    for field in schema.get("properties", {}).values():
        if field.get("default", "") is None:
            del field["default"]


class Body(BaseModel):
    """What a request sends. Unknown fields are refused: a misspelt one must not be taken for one left out.

    ``placeholders`` is for a body that a service checks further: what stands in for a required field that could not be
    read. The service reports the same field, for which ``faults`` has the better message.
    """

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra=without_null)
    placeholders: ClassVar[dict[str, Any]] = {}
    _faults: dict[str, PortalError] = PrivateAttr(default_factory=dict)

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Raises ``InvalidInput``, or leaves that to ``refuse`` where a service has more to say."""
        if not isinstance(obj, dict):
            raise InvalidInput.at(WHOLE_BODY, N_("Send a JSON object."))
        names = {field.alias or name for name, field in cls.model_fields.items()}
        sent = {name: value for name, value in obj.items() if name in names}
        unknown = islice((name for name in obj if name not in sent), MOST_UNKNOWN)
        faults = {_legible(name): PortalError(UNKNOWN) for name in unknown}
        try:
            body = super().model_validate(sent, **options)
        except ValidationError as error:
            unread = _faults_of(error.errors(include_url=False, include_input=False))
            faults = unread | faults
            # A fault within a list leaves out all of it.
            at_fault = {place.partition(".")[0] for place in unread}
            read = {name: value for name, value in sent.items() if name not in at_fault}
            stand_ins = {name: value for name, value in cls.placeholders.items() if name in at_fault}
            body = super().model_validate(read | stand_ins, **options) if cls.placeholders else None
        if body is None or (faults and not cls.placeholders):
            raise InvalidInput(faults)
        body._faults = faults
        return body

    @property
    def faults(self) -> dict[str, PortalError]:
        return self._faults


def refuse(faults: dict[str, PortalError], check: Callable[[], Any]) -> NoReturn:
    """Raise one ``InvalidInput`` with the ``faults`` found in reading and the errors of ``check``."""
    refused = Faults()
    with refused.caught():
        check()
    raise InvalidInput(refused.errors | faults)


def _faults_of(errors: list[ErrorDetails]) -> dict[str, PortalError]:
    faults: dict[str, PortalError] = {}
    for error in errors:
        refusal = error.get("ctx", {}).get("refusal") or PortalError(REFUSALS.get(error["type"], OTHERWISE))
        faults.setdefault(_place(error["loc"]), refusal)
    return faults


def _place(place: tuple[int | str, ...]) -> str:
    """A field's name, within a list as ``installments.0.due_date``."""
    is_within = len(place) > 1 and isinstance(place[1], int)
    return ".".join(str(part) for part in place[: 3 if is_within else 1])


def _legible(name: str) -> str:
    """The name of an unknown field, as far as it can be repeated."""
    return name[:LONGEST_NAME].encode(errors="replace").decode()


def _rule(rule: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A rule of core as part of a schema; its error is reported under the field's name here."""

    def check(value: Any) -> Any:
        try:
            return rule(value)
        except InvalidInput as invalid:
            (refusal,) = invalid.errors.values()
            raise PydanticCustomError("refused", "refused", {"refusal": refusal}) from None

    return check


def parsed_by(rule: Callable[[Any], Any]) -> BeforeValidator:
    """A field whose value, of whatever type, is read by ``rule``, which raises ``InvalidInput``."""
    return BeforeValidator(_rule(rule))


def validated_by(rule: Callable[[str], str]) -> AfterValidator:
    """A field whose text is held to ``rule``, which raises ``InvalidInput``."""
    return AfterValidator(_rule(rule))


def _plain(text: str, longest: int) -> str:
    check_length(text, "", longest * MOST_COMPOSED, shown=longest)
    if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text):
        raise InvalidInput.at("", N_("Remove control characters."))
    return text


def _amount(value: Any) -> str:
    """Digits with at most one decimal point; a JSON integer counts whole units, 25 for 25.00."""
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or not re.fullmatch(AMOUNT, text):
        raise InvalidInput.at("", N_("Enter an amount in digits, such as 25.00."))
    return text


def whole_number(value: Any) -> int:
    """An integer, or exactly one in a string, as programs built from HTML forms send it."""
    if isinstance(value, str) and re.fullmatch(r"-?(0|[1-9][0-9]{0,14})", value):
        return int(value)
    if type(value) is not int:
        raise InvalidInput.at("", N_("Enter a whole number, such as 3."))
    return value


def _month_day(value: Any) -> str:
    """A day that every month has, as a number or its text, or the last."""
    text = str(value) if type(value) is int else value
    if text not in MONTH_DAYS:
        raise InvalidInput.at("", N_("Choose a day from 1 to 28, or the last."))
    return str(text)


def _day(value: Any) -> date:
    try:
        if isinstance(value, str) and re.fullmatch(DAY, value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise InvalidInput.at("", N_("Enter a date, such as 2026-12-31."))


def _id(value: Any) -> UUID:
    try:
        if isinstance(value, str):
            return UUID(value)
    except ValueError:
        pass
    raise InvalidInput.at("", N_("Send an id as the API gave it."))


def text(longest: int, **schema: Any) -> Any:
    """The type of a field that takes at most ``longest`` characters; core checks the rest."""
    return Annotated[
        str,
        validated_by(partial(_plain, longest=longest)),
        WithJsonSchema({"type": "string", "maxLength": longest, **schema}),
    ]


Email = text(EMAIL_LONGEST, format="email")
Day = Annotated[
    date, parsed_by(_day), WithJsonSchema({"type": "string", "format": "date", "pattern": f"^{DAY}$"})
]
SentId = Annotated[UUID, parsed_by(_id), WithJsonSchema({"type": "string", "format": "uuid"})]
Amount = Annotated[
    str,
    parsed_by(_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{AMOUNT}$"},
                {"type": "integer", "minimum": 1, "maximum": MAX_AMOUNT},
            ],
            "description": "A decimal string in the shop's currency, or an integer of whole units.",
        }
    ),
]
Count = Annotated[
    int,
    parsed_by(whole_number),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_INSTALLMENTS},
                {"type": "string", "pattern": "^([1-9]|[1-5][0-9]|60)$"},
            ],
            "description": f"1 to {MAX_INSTALLMENTS}, as an integer or as exactly one in a string.",
        }
    ),
]
MonthDay = Annotated[
    str,
    parsed_by(_month_day),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 28},
                {"type": "string", "enum": list(MONTH_DAYS)},
            ]
        }
    ),
]
ValidDays = Annotated[
    int,
    parsed_by(whole_number),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_OFFER_DAYS}),
]


class Nothing(Body):
    """An empty object, or no body at all: the address says everything."""


class Query(Body):
    """The query string's parameters, each at most once."""

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        twice = (_legible(name) for name, values in request.args.lists() if len(values) > 1)
        faults = {name: PortalError(N_("Give this once.")) for name in islice(twice, MOST_UNKNOWN)}
        if faults:
            raise InvalidInput(faults)
        return super().model_validate(obj, **options)
