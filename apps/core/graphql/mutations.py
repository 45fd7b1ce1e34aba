"""The base of deeds: the permission stands in `Meta`, `perform` makes one service call and answers the payload.

class RevokeKey(HouseMutation):
    class Meta:
        permission = KeysPermission.REVOKE

    class Arguments:
        id = graphene.ID(required=True)

    key = graphene.Field(Key)

    @classmethod
    def perform(cls, actor, *, id):
        return cls(key=services.revoke_key(actor=actor, public_id=id))
"""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import Any

import graphene

from apps.core.actor import Actor
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import FieldDoor, guarded
from apps.core.permissions import Permission


class HouseMutation(graphene.Mutation):
    """Services check the permission too; here it is what the guard test and the schema's readers see.

    A `perform` that is a coroutine runs on the loop, without the ORM, in an operation of its kind alone.
    """

    class Meta:
        abstract = True

    @classmethod
    def __init_subclass_with_meta__(
        cls,
        *,
        permission: Permission | None = None,
        signed_in: str = "",
        **options: Any,
    ) -> None:
        door = FieldDoor(
            permission, signed_in=signed_in, is_on_loop=iscoroutinefunction(cls.perform)
        )

        def run(root: Any, info: Any, **arguments: Any) -> Any:
            return cls.perform(actor_of(info), **arguments)

        super().__init_subclass_with_meta__(resolver=guarded(door, run), **options)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> Any:
        raise NotImplementedError
