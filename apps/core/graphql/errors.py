"""Errors as GraphQL says them: `extensions.code` is the kind, `extensions.error` the stable snake_case code."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import structlog
from graphql import GraphQLError

from apps.core import envelopes
from apps.core.asgi.gate import to_app_error
from apps.core.errors import AppError, Invalid
from apps.core.graphql.context import GraphContext

log = structlog.get_logger(__name__)


def format_error(error: GraphQLError, context: GraphContext) -> dict[str, Any]:
    """One error of a result; the unexpected is logged and shows its request id alone."""
    known = _known(error, context)
    body: dict[str, Any] = {"message": known.message}
    if error.locations:
        body["locations"] = [
            {"line": place.line, "column": place.column} for place in error.locations
        ]
    if error.path:
        body["path"] = error.path
    body["extensions"] = extensions_of(known, context.request_id)
    return body


def format_refusal(error: AppError, request_id: str) -> dict[str, Any]:
    """An error that stopped the whole operation before it ran."""
    return {"message": error.message, "extensions": extensions_of(error, request_id)}


def extensions_of(error: AppError, request_id: str) -> dict[str, Any]:
    extensions: dict[str, Any] = {
        "code": envelopes.graphql_code(error),
        "error": error.code,
        "request_id": request_id,
    }
    if isinstance(error, Invalid):
        extensions["fields"] = [asdict(field) for field in error.fields]
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        extensions["retry_after"] = retry_after
    return extensions


def _known(error: GraphQLError, context: GraphContext) -> AppError:
    original = error.original_error
    if error.path is None or original is None or isinstance(original, GraphQLError):
        # The executor's own: a variable or an argument of the wrong type.
        return Invalid(error.message)
    known = to_app_error(original)
    if known is not None:
        return known
    log.error("unhandled", request_id=context.request_id, path=error.path, exc_info=original)
    return AppError()
