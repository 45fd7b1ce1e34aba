"""JSON Schema in few words, for views that describe themselves (`describe.Operation`)."""

from __future__ import annotations

from apps.core.openapi.describe import Schema

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
ANYTHING: Schema = {"type": "object", "additionalProperties": True}


def listed(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def shape(required: tuple[str, ...], properties: Schema, example: Schema) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": True,
        "example": example,
    }
