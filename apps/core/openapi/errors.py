"""The errors of the document: four shapes, as `core.envelopes` makes them for the callers of a path."""

from __future__ import annotations

from typing import Any

from apps.core import envelopes
from apps.core.errors import AppError

MEANINGS = {
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
    502: ("Somebody else's server failed.", "upstream_error"),
    503: ("A part we depend on is away; see `Retry-After`.", "unavailable"),
    504: ("Somebody else's server took too long.", "upstream_timeout"),
    507: ("There is no room to keep it.", "no_room"),
}
DIALECTS = {
    "": "/api/v1/keys",
    "OpenAI": "/v1/chat/completions",
    "Anthropic": "/v1/messages",
    "KServe": "/v2/models",
}
"""The word before `Error`, and a path that speaks it."""
_KINDS = {status: kind for kind, status in envelopes.STATUS.items()}
_TEXT = {"type": "string"}
_TEXT_OR_NONE = {"type": ["string", "null"]}
_DETAIL = {
    "type": "object",
    "properties": {"field": _TEXT, "message": _TEXT, "type": _TEXT},
}


def name_of(dialect: str) -> str:
    return f"{dialect}Error"


def dialect_of(path: str) -> str:
    if path.startswith(DIALECTS["Anthropic"]):
        return "Anthropic"
    if path.startswith("/v2/"):
        return "KServe"
    return "OpenAI" if path.startswith("/v1/") else ""


def schemas() -> dict[str, Any]:
    """By name."""
    house = {
        "error": _TEXT,
        "message": _TEXT,
        "details": {"type": "array", "items": _DETAIL},
        "invalid_fields": {"type": "array", "items": _TEXT},
        "timestamp": _TEXT,
        "path": _TEXT,
        "request_id": _TEXT,
    }
    openai = {
        "message": _TEXT,
        "type": _TEXT,
        "param": _TEXT_OR_NONE,
        "code": _TEXT_OR_NONE,
        "details": {"type": "array", "items": _DETAIL},
        "timestamp": _TEXT,
        "request_id": _TEXT,
    }
    anthropic = _object({"type": _TEXT, "message": _TEXT}, "type", "message")
    return {
        "Error": _object(house, "error", "message", "request_id"),
        "OpenAIError": _object({"error": _object(openai, "message", "type", "code")}, "error"),
        "AnthropicError": _object(
            {"type": {"const": "error"}, "error": anthropic, "request_id": _TEXT}, "type", "error"
        ),
        "KServeError": _object({"error": _TEXT, "code": _TEXT, "request_id": _TEXT}, "error"),
    }


def answer(dialect: str, status: int) -> dict[str, Any]:
    """One error answer, with an example as the gate would write it."""
    text, code = MEANINGS[status]
    error = AppError(text, code=code)
    error.kind = _KINDS[status]  # type: ignore[misc]  # a class's own word, lent to an example
    example = envelopes.body_for(
        error, path=DIALECTS[dialect], request_id="req_0f8c1d2e3a4b5c6d7e8f9a0b"
    )
    return {
        "description": text,
        "content": {
            "application/json": {
                "schema": {"$ref": f"#/components/schemas/{name_of(dialect)}"},
                "example": _timeless(example),
            }
        },
    }


def say_in_dialect(path: str, operations: dict[str, Any]) -> None:
    """Let the error answers of a path's operations be those of its dialect."""
    dialect = dialect_of(path)
    if not dialect:
        return
    for operation in operations.values():
        for answered in operation.get("responses", {}).values():
            reference = answered.get("$ref", "")
            if reference.startswith("#/components/responses/Error"):
                answered["$ref"] = reference.replace("/Error", f"/{name_of(dialect)}")


def _timeless(example: dict[str, Any]) -> dict[str, Any]:
    """A document that is written twice must come out the same."""
    for holder in (example, example.get("error")):
        if isinstance(holder, dict) and "timestamp" in holder:
            holder["timestamp"] = "2026-01-15T10:30:00Z"
    return example


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}
