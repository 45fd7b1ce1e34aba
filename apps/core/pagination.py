"""Lists: `{"data": […], "meta": {…}}` by page, or by cursor where rows keep arriving."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from apps.core.errors import Invalid

DEFAULT_LIMIT = 20
MAX_LIMIT = 200
MAX_PAGE = 10**9
BY_MOMENT = ("-at", "-pk")
"""The order of a list that grows by cursor and has an index that ends so; without it a cursor goes by primary key."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MOST_DIGITS = 17
"""Of a number in a cursor: no primary key has more, and a moment of that many lies in the year 5138."""


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
    """Newest first, after the row the cursor names; one query. By primary key, or by moment if it is ordered so."""
    by_moment = queryset.query.order_by == BY_MOMENT
    if cursor:
        queryset = queryset.filter(_after_moment(cursor) if by_moment else _after(cursor))
    if not by_moment:
        queryset = queryset.order_by("-pk")
    rows = list(queryset[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    name = _name_moment if by_moment else _name
    return Page(rows, {"limit": limit, "next_cursor": name(rows[-1]) if more else None})


def _name(row: Any) -> str:
    return _encode(f"after:{row.pk}")


def _name_moment(row: Any) -> str:
    return _encode(f"at:{(row.at - BEGINNING) // MICROSECOND}:{row.pk}")


def _after(cursor: str) -> Q:
    (pk,) = _decode(cursor, "after", 1)
    return Q(pk__lt=pk)


def _after_moment(cursor: str) -> Q:
    micros, pk = _decode(cursor, "at", 2)
    at = BEGINNING + micros * MICROSECOND
    # The first alone would do; it is what the index is entered by.
    return Q(at__lte=at) & (Q(at__lt=at) | Q(pk__lt=pk))


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str, word: str, count: int) -> list[int]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        first, *numbers = text.split(":")
        if (first, len(numbers)) != (word, count):
            raise ValueError(cursor)
        if not all(number.isdecimal() and len(number) <= MOST_DIGITS for number in numbers):
            raise ValueError(cursor)
        return [int(number) for number in numbers]
    except ValueError:
        raise Invalid.field("cursor", "is not a cursor of ours", "cursor") from None
