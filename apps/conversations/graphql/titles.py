"""A title by the conversation's own model, in GraphQL: a coroutine, for it waits for a model."""

from __future__ import annotations

from typing import Any

import graphene

from apps.conversations.generations import titles
from apps.conversations.graphql.admitting import admit
from apps.conversations.graphql.types import ConversationType
from apps.conversations.permissions import ConversationsPermission
from apps.core.actor import Actor
from apps.core.graphql.mutations import HouseMutation


class SuggestTitle(HouseMutation):
    """Have the model find a title: a call of yours like any other. One given by hand stays without `force`."""

    class Meta:
        permission = ConversationsPermission.CREATE

    class Arguments:
        id = graphene.ID(required=True)
        force = graphene.Boolean(default_value=False)

    conversation = graphene.Field(ConversationType, required=True)

    @classmethod
    async def perform(cls, actor: Actor, **arguments: Any) -> SuggestTitle:
        made = await titles.make_title(
            await admit(actor),
            conversation_id=arguments["id"],
            force=bool(arguments["force"]),
            is_counted=True,
        )
        return cls(conversation=made)


class Mutation(graphene.ObjectType):
    suggest_title = SuggestTitle.Field()
