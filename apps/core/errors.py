"""The one error tree. No error here knows HTTP, GraphQL or sockets: `core.envelopes` translates.

AppError
├── Malformed         the body cannot be read at all
├── Invalid           a field is wrong; carries `FieldError`s
├── Unauthenticated   nobody, or nobody any more
├── PermissionDenied  somebody, but not allowed
├── NotFound          absent, or another organisation's: the two look alike
├── MethodNotAllowed  the thing is there, the verb is not
├── Conflict          the state forbids it
├── Stale             `If-Match` names an older revision
├── NoRoom            the disk or a quota is full
├── TooLarge          the body is over its limit
├── Unsupported       the body's media type is not taken here
├── Limited           too many calls; carries `retry_after`
├── Upstream          somebody else's server failed
├── Unavailable       a dependency of ours is away; carries `retry_after`
└── TimedOut          it took too long
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar


class Kind(StrEnum):
    """What went wrong, in the words the three translators share."""

    MALFORMED = "malformed"
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    DENIED = "denied"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    STALE = "stale"
    NO_ROOM = "no_room"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    LIMITED = "limited"
    UPSTREAM = "upstream"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: where it stands (dotted), what is wrong, and a stable word for it."""

    field: str
    message: str
    type: str = "invalid"


class AppError(Exception):
    """Everything we refuse on purpose. `message` is safe to show; `code` is stable snake_case."""

    kind: ClassVar[Kind] = Kind.INTERNAL
    code: str = "internal_error"
    message: str = "Something went wrong on our side."

    def __init__(self, message: str | None = None, *, code: str | None = None, **data: Any) -> None:
        self.message = message or self.message
        self.code = code or self.code
        self.data = data
        super().__init__(self.message)


class Malformed(AppError):
    kind = Kind.MALFORMED
    code = "malformed_request"
    message = "The request could not be read."


class Invalid(AppError):
    kind = Kind.INVALID
    code = "validation_error"
    message = "A field is wrong."

    def __init__(
        self, message: str | None = None, *, fields: list[FieldError] | None = None, **kwargs: Any
    ) -> None:
        self.fields = fields or []
        if message is None and self.fields:
            first = self.fields[0]
            message = f"{first.field}: {first.message}"
        super().__init__(message, **kwargs)

    @classmethod
    def field(cls, name: str, message: str, type: str = "invalid") -> Invalid:  # noqa: A002
        return cls(fields=[FieldError(name, message, type)])


class WrongFields:
    """Gathers what is wrong with several fields, so that a caller hears of all of it at once."""

    def __init__(self) -> None:
        self._fields: list[FieldError] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        try:
            yield
        except Invalid as error:
            self._fields += error.fields

    def refuse(self) -> None:
        if self._fields:
            raise Invalid(fields=self._fields)


class Unauthenticated(AppError):
    kind = Kind.UNAUTHENTICATED
    code = "unauthenticated"
    message = "A valid key, token or session is needed."


class PermissionDenied(AppError):
    kind = Kind.DENIED
    code = "permission_denied"
    message = "You may not do this."


class NotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "not_found"
    message = "There is nothing here by that name."


class MethodNotAllowed(AppError):
    kind = Kind.METHOD_NOT_ALLOWED
    code = "method_not_allowed"
    message = "This method is not offered here."


class Conflict(AppError):
    kind = Kind.CONFLICT
    code = "conflict"
    message = "The present state does not allow this."


class Stale(AppError):
    kind = Kind.STALE
    code = "stale"
    message = "It was changed since you read it. Read it again and decide anew."


class NoRoom(AppError):
    kind = Kind.NO_ROOM
    code = "no_room"
    message = "There is no room left to store this."


class TooLarge(AppError):
    kind = Kind.TOO_LARGE
    code = "too_large"
    message = "The body is larger than allowed here."


class Unsupported(AppError):
    kind = Kind.UNSUPPORTED
    code = "unsupported_media_type"
    message = "This media type is not taken here."


class Limited(AppError):
    kind = Kind.LIMITED
    code = "rate_limited"
    message = "Too many requests."

    def __init__(self, message: str | None = None, *, retry_after: int = 1, **kwargs: Any) -> None:
        self.retry_after = retry_after
        super().__init__(message, **kwargs)


class Upstream(AppError):
    kind = Kind.UPSTREAM
    code = "upstream_error"
    message = "The server behind us failed."


class Unavailable(AppError):
    kind = Kind.UNAVAILABLE
    code = "unavailable"
    message = "A part we depend on is away. Try again shortly."

    def __init__(self, message: str | None = None, *, retry_after: int = 2, **kwargs: Any) -> None:
        self.retry_after = retry_after
        super().__init__(message, **kwargs)


class TimedOut(AppError):
    kind = Kind.TIMEOUT
    code = "timeout"
    message = "It took too long."
