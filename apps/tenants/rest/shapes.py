"""The JSON Schema of the plain views' answers."""

from __future__ import annotations

from typing import Any

from apps.tenants.rest import examples


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"oneOf": [schema, {"type": "null"}]}


_TEXT = {"type": "string"}

ME: dict[str, Any] = {
    **_object(
        user=_or_null(_object(id=_TEXT, email=_TEXT, name=_TEXT)),
        service_account=_or_null(_object(id=_TEXT, name=_TEXT)),
        organization=_object(id=_TEXT, slug=_TEXT, name=_TEXT),
        role={"type": "string", "enum": ["admin", "user", "viewer", "service"]},
        approver={"type": "boolean"},
        permissions={"type": "array", "items": _TEXT},
        credential=_object(
            kind={"type": "string", "enum": ["key", "jwt", "session"]},
            id=_TEXT,
            expires_at={"type": ["string", "null"], "format": "date-time"},
        ),
    ),
    "example": {**examples.ME, "service_account": None},
}
