"""drf-spectacular hooks: leave out second spellings, add the plain views and the shared error answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string

from apps.core.asgi.door import doors_of
from apps.core.openapi.describe import Operation
from apps.core.rest.schema import add_error_answers

ERRORS = {
    400: ("The request could not be read.", "malformed_request"),
    401: ("No valid credential.", "unauthenticated"),
    403: ("Not allowed.", "permission_denied"),
    404: ("Absent, or another organisation's.", "not_found"),
    409: ("The present state forbids it.", "conflict"),
    412: ("`If-Match` names an older revision.", "stale"),
    413: ("The body is too large.", "too_large"),
    415: ("The media type is not taken.", "unsupported_media_type"),
    422: ("A field is wrong.", "validation_error"),
    429: ("Too many calls; see `Retry-After`.", "rate_limited"),
}


def leave_out_aliases(endpoints: list[Any], **_: Any) -> list[Any]:
    """A second spelling is the same operation; the canonical one documents it."""
    aliases = import_string(settings.SIGNALBOX_ALIASES)
    return [endpoint for endpoint in endpoints if endpoint[0] not in aliases]


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add plain views, errors and credentials to what the viewsets gave."""
    paths = result["paths"]
    aliases = import_string(settings.SIGNALBOX_ALIASES)
    for path, view in plain_views(get_resolver(), "/"):
        if path in aliases:
            continue
        for method, operation in view.operations.items():
            paths.setdefault(path, {})[method.lower()] = _operation(path, method, operation, view)
    result["paths"] = dict(sorted(paths.items()))
    components = result.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), "Error": _error_schema()}
    components["responses"] = {f"Error{status}": _error_answer(status) for status in ERRORS}
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key or an access token.",
        },
        "key": {"type": "apiKey", "in": "header", "name": settings.SIGNALBOX_KEY_HEADER},
    }
    return result


def plain_views(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, Any]]:
    for entry in resolver.url_patterns:
        path = prefix + _normal(str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from plain_views(entry, path)
        elif isinstance(entry, URLPattern) and hasattr(entry.callback, "operations"):
            yield path, entry.callback


def _normal(path: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)


def _operation(path: str, method: str, operation: Operation, view: Any) -> dict[str, Any]:
    door = doors_of(view)[method]
    names = re.findall(r"{(\w+)}", path)
    described: dict[str, Any] = {
        "operationId": f"{view.__name__}_{method.lower()}",
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in names
            ),
            *operation.parameters,
        ],
        "responses": {str(operation.status): _content(operation.answer, operation.media)},
        "security": [] if door.public else [{"bearer": []}, {"key": []}],
    }
    if operation.description:
        described["description"] = operation.description
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": operation.body}},
        }
    for status, schema in operation.more.items():
        described["responses"][str(status)] = (
            {"description": ""} if schema is None else _content(schema)
        )
    add_error_answers(
        described, method, has_path_id=bool(names), door=door, more=operation.refusals
    )
    return described


def _content(schema: dict[str, Any] | None, media_type: str = "application/json") -> dict[str, Any]:
    media = (
        {"text/plain": {"schema": {"type": "string"}}}
        if schema is None
        else {media_type: {"schema": schema}}
    )
    return {"description": "", "content": media}


def _error_schema() -> dict[str, Any]:
    detail = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("field", "message", "type")},
    }
    texts = {
        name: {"type": "string"} for name in ("error", "message", "timestamp", "path", "request_id")
    }
    return {
        "type": "object",
        "required": ["error", "message", "request_id"],
        "properties": {
            **texts,
            "details": {"type": "array", "items": detail},
            "invalid_fields": {"type": "array", "items": {"type": "string"}},
        },
    }


def _error_answer(status: int) -> dict[str, Any]:
    text, code = ERRORS[status]
    example = {
        "error": code,
        "message": text,
        "details": [],
        "timestamp": "2026-01-15T10:30:00Z",
        "path": "/api/v1/keys",
        "request_id": "req_0f8c1d2e3a4b5c6d7e8f9a0b",
    }
    schema = {"$ref": "#/components/schemas/Error"}
    return {
        "description": text,
        "content": {"application/json": {"schema": schema, "example": example}},
    }
