"""What the OpenAPI document says of our lists; `core.pagination` does the paging."""

from __future__ import annotations

from typing import Any

from apps.core.pagination import DEFAULT_LIMIT, MAX_LIMIT, MAX_PAGE


class PagePagination:
    """Named in settings so that the OpenAPI document describes our lists; the viewset does the paging."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        examples = {"page": 1, "limit": DEFAULT_LIMIT, "total": 1, "total_pages": 1}
        meta = {name: {"type": "integer", "example": value} for name, value in examples.items()}
        return {
            "type": "object",
            "required": ["data", "meta"],
            "properties": {"data": schema, "meta": {"type": "object", "properties": meta}},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _parameter("page", "Which page, from 1.", MAX_PAGE, 1),
            _parameter("limit", "Rows a page.", MAX_LIMIT, DEFAULT_LIMIT),
        ]


class CursorPagination:
    """The same for lists that `cursor_page` answers: `pagination_class` of their viewset."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        meta = {
            "limit": {"type": "integer", "example": DEFAULT_LIMIT},
            "next_cursor": {"type": ["string", "null"], "example": "YWZ0ZXI6NDI"},
        }
        return {
            "type": "object",
            "required": ["data", "meta"],
            "properties": {"data": schema, "meta": {"type": "object", "properties": meta}},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        cursor = {
            "name": "cursor",
            "in": "query",
            "required": False,
            "description": "`meta.next_cursor` of the page before.",
            "schema": {"type": "string"},
        }
        return [cursor, _parameter("limit", "Rows a page.", MAX_LIMIT, DEFAULT_LIMIT)]


def _parameter(name: str, text: str, maximum: int, default: int) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1, "maximum": maximum, "default": default}
    return {"name": name, "in": "query", "required": False, "description": text, "schema": schema}
