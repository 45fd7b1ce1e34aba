"""Lists: `{ nodes pageInfo { hasNextPage endCursor } totalCount }`, newest first, `first` (1-100) and `after`.

The cursor is the one REST lists use. `totalCount` costs a query only when it is selected.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property
from typing import Any

import graphene
from django.db.models import QuerySet

from apps.core.errors import Invalid
from apps.core.graphql.fields import HouseField, Resolver
from apps.core.graphql.types import HouseType, join_selected, name_of, selected
from apps.core.pagination import Page, after_cursor
from apps.core.permissions import Permission

DEFAULT_FIRST = 20
MAX_FIRST = 100


class PageInfo(graphene.ObjectType):
    has_next_page = graphene.Boolean(required=True)
    end_cursor = graphene.String()


class Slice:
    """A part of a list, read when a field of it is."""

    def __init__(
        self,
        queryset: QuerySet[Any],
        join: Callable[[QuerySet[Any]], QuerySet[Any]],
        first: int,
        after: str | None,
    ) -> None:
        self._queryset = queryset
        self._join = join
        self._first = first
        self._after = after

    @cached_property
    def _page(self) -> Page:
        return after_cursor(self._join(self._queryset), cursor=self._after, limit=self._first)

    @property
    def nodes(self) -> list[Any]:
        return self._page.rows

    @property
    def page_info(self) -> dict[str, Any]:
        cursor = self._page.meta["next_cursor"]
        return {"has_next_page": cursor is not None, "end_cursor": cursor}

    @property
    def total_count(self) -> int:
        return self._queryset.count()


@cache
def connection_of(node: type[HouseType]) -> type[graphene.ObjectType]:
    """The connection type of a node type."""
    fields = {
        "nodes": graphene.List(graphene.NonNull(node), required=True),
        "page_info": graphene.Field(PageInfo, required=True),
        "total_count": graphene.Int(required=True),
    }
    name = name_of(node)
    meta = type("Meta", (), {"description": f"A part of a list of {name}."})
    return type(f"{name}Connection", (graphene.ObjectType,), {**fields, "Meta": meta})


class ConnectionField(HouseField):
    """A list at the root; `resolve_<name>` answers the queryset an actor may see, filtered by its own arguments."""

    def __init__(self, node: type[HouseType], *, permission: Permission, **arguments: Any) -> None:
        self._node = node
        super().__init__(
            connection_of(node),  # type: ignore[arg-type]  # a class is hashable
            permission=permission,
            required=True,
            first=graphene.Int(default_value=DEFAULT_FIRST, description=f"1 to {MAX_FIRST}"),
            after=graphene.String(),
            **arguments,
        )

    def wrap_resolve(self, parent_resolver: Resolver) -> Resolver:
        node = self._node

        def resolve(
            root: Any, info: Any, *, first: int | None = None, after: str | None = None, **rest: Any
        ) -> Slice:
            first = DEFAULT_FIRST if first is None else first
            if not 1 <= first <= MAX_FIRST:
                raise Invalid.field("first", f"must be from 1 to {MAX_FIRST}", "range")
            queryset = parent_resolver(root, info, **rest)
            below = [
                field for field in selected(info.field_nodes, info) if field.name.value == "nodes"
            ]
            return Slice(
                queryset, lambda rows: join_selected(rows, node, below, info), first, after
            )

        return super().wrap_resolve(resolve)
