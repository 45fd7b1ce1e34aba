"""`/graphql` as the OpenAPI document shows it."""

from __future__ import annotations

from typing import Any

OPERATION: dict[str, Any] = {
    "type": "object",
    "required": ["query"],
    "properties": {
        "query": {"type": "string"},
        "variables": {"type": ["object", "null"], "additionalProperties": True},
        "operationName": {"type": ["string", "null"]},
    },
    "example": {"query": "{ version health }"},
}

RESULT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "data": {"type": ["object", "null"], "additionalProperties": True},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["message", "extensions"],
                "properties": {
                    "message": {"type": "string"},
                    "locations": {"type": "array", "items": {"type": "object"}},
                    "path": {"type": "array", "items": {}},
                    "extensions": {
                        "type": "object",
                        "properties": {
                            "code": {"type": "string"},
                            "error": {"type": "string"},
                            "request_id": {"type": "string"},
                        },
                    },
                },
            },
        },
    },
    "example": {"data": {"version": "0.1.0", "health": True}},
}

QUERY: dict[str, Any] = {
    "name": "query",
    "in": "query",
    "required": False,
    "description": "A query; mutations run over POST alone.",
    "schema": {"type": "string", "example": "{ version health }"},
}
