"""Root fields. Each names the permission it needs, or why it needs none; a guard test walks the schema for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import graphene

from apps.core.graphql.context import actor_of
from apps.core.permissions import Permission, require

Resolver = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class FieldDoor:
    """What `core.asgi.door.Door` is to a URL: a permission, or the reason why nobody or anybody signed in may."""

    permission: Permission | None = None
    public: str = ""
    signed_in: str = ""
    is_on_loop: bool = False
    """Whether the resolver is a coroutine that waits for others and touches no ORM."""

    def __post_init__(self) -> None:
        if bool(self.permission) + bool(self.public) + bool(self.signed_in) != 1:
            raise ValueError("a field names a permission, or why it needs none")

    def check(self, info: Any) -> None:
        if self.public:
            return
        actor = actor_of(info)
        if self.permission is not None:
            require(actor, self.permission)


def guarded(door: FieldDoor, resolver: Resolver) -> Resolver:
    """The resolver behind its door; the door stays readable on it."""

    def resolve(root: Any, info: Any, **arguments: Any) -> Any:
        door.check(info)
        return resolver(root, info, **arguments)

    resolve.door = door  # type: ignore[attr-defined]  # read by the guard test
    return resolve


class HouseField(graphene.Field):
    """A root field: `key = HouseField(Key, permission=…, id=graphene.ID(required=True))` and `resolve_key`."""

    def __init__(
        self,
        type_: Any,
        *,
        permission: Permission | None = None,
        public: str = "",
        signed_in: str = "",
        **options: Any,
    ) -> None:
        super().__init__(type_, **options)
        self.door = FieldDoor(permission, public, signed_in)

    def wrap_resolve(self, parent_resolver: Resolver) -> Resolver:
        return guarded(self.door, super().wrap_resolve(parent_resolver))


class LiveField(HouseField):
    """A subscription: `subscribe_<name>` is an async generator, each value it yields is the field's value."""

    def wrap_resolve(self, parent_resolver: Resolver) -> Resolver:
        def resolve(root: Any, info: Any, **arguments: Any) -> Any:
            return root

        resolve.door = self.door  # type: ignore[attr-defined]  # read by the guard test
        return resolve

    def wrap_subscribe(
        self, parent_subscribe: Callable[..., AsyncIterator[Any]]
    ) -> Callable[..., AsyncIterator[Any]]:
        return guarded(self.door, parent_subscribe)
