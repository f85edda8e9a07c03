"""All errors that the portal raises on purpose; each has a code, and the field at fault if there is one.

Messages are English sentences marked with ``N_``; a face translates them when it answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def N_(message: str) -> str:  # noqa: N802 - the usual name of gettext's marker
    """Mark a sentence for translation without translating it here."""
    return message


class PortalError(Exception):
    """Base class of errors that a person or a program can act on.

    ``message`` is a ``%(name)s`` template and ``params`` fills it; ``advice`` holds further sentences; ``code`` is
    stable for programs.
    """

    code = "error"

    def __init__(
        self, message: str, *, code: str | None = None, advice: tuple[str, ...] = (), **params: Any
    ) -> None:
        super().__init__(" ".join((message % params if params else message, *advice)))
        self.message = message
        self.advice = advice
        self.params = params
        if code:
            self.code = code


class InvalidInput(PortalError):
    """One or more fields are at fault: ``errors`` maps a field's name to its refusal."""

    code = "invalid"

    def __init__(self, errors: dict[str, PortalError]) -> None:
        super().__init__(N_("Check the fields below."))
        self.errors = errors

    @classmethod
    def at(cls, field: str, message: str, **params: Any) -> InvalidInput:
        return cls({field: PortalError(message, **params)})


class Faults:
    """The faults found so far, by field."""

    def __init__(self) -> None:
        self.errors: dict[str, PortalError] = {}

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Collect the block's error and continue."""
        try:
            yield
        except InvalidInput as invalid:
            self.errors |= invalid.errors

    def add(self, field: str, message: str, **params: Any) -> None:
        self.errors[field] = PortalError(message, **params)


@contextmanager
def collecting() -> Iterator[Faults]:
    """Check several fields; raises one ``InvalidInput`` at the end that names all those at fault."""
    faults = Faults()
    yield faults
    if faults.errors:
        raise InvalidInput(faults.errors)


class NotFound(PortalError):
    """It does not exist or belongs to another user; the answer is the same."""

    code = "not_found"

    def __init__(self) -> None:
        super().__init__(N_("Not found, or you don't have access to it."))


class Forbidden(PortalError):
    """The role of the actor does not allow this."""

    code = "forbidden"


class Conflict(PortalError):
    """The state, read under the lock, does not allow this. ``figure`` is a new amount in minor units, if any."""

    code = "conflict"

    def __init__(self, message: str, *, code: str | None = None, figure: int | None = None, **params: Any):
        super().__init__(message, code=code, **params)
        self.figure = figure


class KeyReused(PortalError):
    """An idempotency key came back with another request."""

    code = "key_reused"

    def __init__(self) -> None:
        super().__init__(
            N_("This idempotency key was already used for another request. Nothing was changed.")
        )


class TooMany(PortalError):
    """Too many attempts; ``retry_after`` is in seconds."""

    code = "too_many_requests"

    def __init__(self, message: str, retry_after: int, *, code: str | None = None, **params: Any) -> None:
        super().__init__(message, code=code, **params)
        self.retry_after = retry_after


class Busy(PortalError):
    """The database could not be reached or locked in time.

    As a rule nothing was changed; a commit whose answer was lost may stand, so the words do not promise it.
    """

    code = "busy"
    retry_after = 2

    def __init__(self) -> None:
        super().__init__(N_("The portal is busy. Try again in a moment: no payment is ever taken twice."))
