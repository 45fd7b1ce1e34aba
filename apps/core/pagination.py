"""Lists: `{"data": […], "meta": {…}}` by page, or by cursor where rows keep arriving."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from apps.core.errors import Invalid

DEFAULT_LIMIT = 20
MAX_LIMIT = 200
MAX_PAGE = 10**9


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[Any]
    meta: dict[str, Any]


def read_integer(value: str | None, name: str, *, default: int, maximum: int) -> int:
    """A whole number from the query string, 1 to `maximum`."""
    if value is None or value == "":
        return default
    if (
        not value.isascii()
        or not value.isdecimal()
        or len(value) > 18
        or not 1 <= int(value) <= maximum
    ):
        raise Invalid.field(name, f"must be a whole number from 1 to {maximum}", "range")
    return int(value)


def page_of(queryset: QuerySet[Any], *, page: int, limit: int) -> Page:
    """One page and the totals, in two queries."""
    total = queryset.count()
    start = (page - 1) * limit
    rows = list(queryset[start : start + limit]) if start < total else []
    meta = {"page": page, "limit": limit, "total": total, "total_pages": -(-total // limit)}
    return Page(rows, meta)


def after_cursor(queryset: QuerySet[Any], *, cursor: str | None, limit: int) -> Page:
    """Newest first by primary key, after the row the cursor names; one query."""
    if cursor:
        queryset = queryset.filter(pk__lt=_decode(cursor))
    rows = list(queryset.order_by("-pk")[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(rows, {"limit": limit, "next_cursor": _encode(rows[-1].pk) if more else None})


def _encode(pk: int) -> str:
    return base64.urlsafe_b64encode(f"after:{pk}".encode()).decode().rstrip("=")


def _decode(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        word, _, pk = text.partition(":")
        if word != "after" or not pk.isdecimal() or len(pk) > 18:
            raise ValueError(cursor)
        return int(pk)
    except ValueError:
        raise Invalid.field("cursor", "is not a cursor of ours", "cursor") from None
