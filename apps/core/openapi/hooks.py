"""drf-spectacular hooks: leave out second spellings, add the plain views and the shared error answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string

from apps.core.asgi.door import doors_of
from apps.core.openapi import errors
from apps.core.openapi.describe import Operation
from apps.core.rest.schema import add_error_answers


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
    components["schemas"] = {**components.get("schemas", {})}
    components["schemas"] |= errors.schemas()
    components["responses"] = {
        f"{errors.name_of(dialect)}{status}": errors.answer(dialect, status)
        for dialect in errors.DIALECTS
        for status in errors.MEANINGS
    }
    for path, operations in result["paths"].items():
        errors.say_in_dialect(path, operations)
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
        # A view that stands under two paths takes more from one of them.
        "operationId": "_".join([view.__name__, *names[1:], method.lower()]),
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
