"""DRF's own exceptions as members of our tree; the gate gives them their shape."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as ModelValidationError
from rest_framework import exceptions

from apps.core import errors
from apps.core.errors import AppError, FieldError, Invalid


def translate(error: Exception, context: dict[str, Any]) -> None:
    """DRF's EXCEPTION_HANDLER: raise ours instead, for the one translator in the gate."""
    ours = as_app_error(error)
    if ours is error:
        raise error  # with its cause, which the gate and the log look at
    raise ours from None


_PLAIN: dict[type[exceptions.APIException], type[AppError]] = {
    exceptions.MethodNotAllowed: errors.MethodNotAllowed,
    exceptions.NotFound: errors.NotFound,
    exceptions.NotAuthenticated: errors.Unauthenticated,
    exceptions.AuthenticationFailed: errors.Unauthenticated,
    exceptions.PermissionDenied: errors.PermissionDenied,
    exceptions.Throttled: errors.Limited,
}


def as_app_error(error: Exception) -> Exception:
    match error:
        case exceptions.ValidationError():
            return Invalid(fields=field_errors(error.detail))
        case ModelValidationError():
            return Invalid(fields=_model_errors(error))
        case exceptions.UnsupportedMediaType():
            return errors.Unsupported("Send the body as application/json.")
        case exceptions.ParseError():
            return errors.Malformed(str(error.detail))
        case exceptions.APIException():
            return _PLAIN.get(type(error), AppError)()
    return error


def field_errors(detail: Any, path: str = "") -> list[FieldError]:
    """DRF's nested detail, flat: one entry a message, fields dotted."""
    if isinstance(detail, dict):
        return [
            found
            for name, inner in detail.items()
            for found in field_errors(
                inner, _join(path, "" if name == "non_field_errors" else str(name))
            )
        ]
    if isinstance(detail, list):
        if any(isinstance(inner, dict | list) for inner in detail):
            return [
                f
                for index, inner in enumerate(detail)
                for f in field_errors(inner, _join(path, str(index)))
            ]
        return [found for inner in detail for found in field_errors(inner, path)]
    return [FieldError(path or "body", str(detail), getattr(detail, "code", "invalid"))]


def _model_errors(error: ModelValidationError) -> list[FieldError]:
    if not hasattr(error, "error_dict"):
        return [FieldError("body", message) for message in error.messages]
    return [
        FieldError(name, message)
        for name, messages in error.message_dict.items()
        for message in messages
    ]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name
