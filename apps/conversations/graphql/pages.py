"""Lists whose queries count in pages: the house's connections, `after` a number of rows.

Conversations stand in the order of their last use and messages in that of their branch, so a cursor by primary key, as
other lists have it, would lead astray.
"""

from __future__ import annotations

import base64
from typing import Any

import graphene

from apps.core.errors import Invalid
from apps.core.graphql.connections import DEFAULT_FIRST, MAX_FIRST, connection_of
from apps.core.graphql.fields import HouseField, Resolver
from apps.core.graphql.types import HouseType
from apps.core.pagination import MAX_PAGE, Page
from apps.core.permissions import Permission

PAGING: dict[str, Any] = {
    "first": graphene.Int(default_value=DEFAULT_FIRST, description=f"1 to {MAX_FIRST}"),
    "after": graphene.String(),
}


class PagedField(HouseField):
    """A list at the root; `resolve_<name>` is given `page` and `limit`, and answers a `Page`."""

    def __init__(self, node: type[HouseType], *, permission: Permission, **arguments: Any) -> None:
        super().__init__(
            connection_of(node),  # type: ignore[arg-type]  # a class is hashable
            permission=permission,
            required=True,
            **PAGING,
            **arguments,
        )

    def wrap_resolve(self, parent_resolver: Resolver) -> Resolver:
        def resolve(
            root: Any, info: Any, *, first: int | None = None, after: str | None = None, **rest: Any
        ) -> dict[str, Any]:
            page, limit = place_of(first, after)
            return part_of(parent_resolver(root, info, page=page, limit=limit, **rest))

        return super().wrap_resolve(resolve)


def place_of(first: int | None, after: str | None) -> tuple[int, int]:
    """Which page is meant, and of how many rows. Raises `Invalid`."""
    limit = DEFAULT_FIRST if first is None else first
    if not 1 <= limit <= MAX_FIRST:
        raise Invalid.field("first", f"must be from 1 to {MAX_FIRST}", "range")
    rows = _decode(after) if after else 0
    if rows % limit:
        raise Invalid.field("after", "belongs to pages of another size", "cursor")
    return rows // limit + 1, limit


def part_of(page: Page) -> dict[str, Any]:
    number, limit, total = page.meta["page"], page.meta["limit"], page.meta["total"]
    more = number * limit < total
    cursor = _encode(number * limit) if more else None
    return {
        "nodes": page.rows,
        "page_info": {"has_next_page": more, "end_cursor": cursor},
        "total_count": total,
    }


def _encode(rows: int) -> str:
    return base64.urlsafe_b64encode(f"rows:{rows}".encode()).decode().rstrip("=")


def _decode(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        word, _, rows = text.partition(":")
        if word != "rows" or not rows.isdecimal() or not 0 < int(rows[:18]) <= MAX_PAGE:
            raise ValueError(cursor)
        return int(rows)
    except ValueError:
        raise Invalid.field("after", "is not a cursor of ours", "cursor") from None
