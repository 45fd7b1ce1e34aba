"""Messages that are there, in GraphQL: one of them, the choice of a branch, what one thinks of an answer."""

from __future__ import annotations

from typing import Any

import graphene

from apps.conversations.generations.presenting import message_values
from apps.conversations.graphql.types import MessageType, OpenConversation
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import answers as answer_queries
from apps.conversations.queries import conversations as conversation_queries
from apps.conversations.queries import messages as queries
from apps.conversations.services import feedback, messages
from apps.core.actor import Actor
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField
from apps.core.graphql.mutations import HouseMutation

VIEW, CREATE = ConversationsPermission.VIEW, ConversationsPermission.CREATE


class Query(graphene.ObjectType):
    message = HouseField(MessageType, required=True, permission=VIEW, id=graphene.ID(required=True))

    @staticmethod
    def resolve_message(root: Any, info: Any, *, id: str) -> dict[str, Any]:  # noqa: A002 - the schema's word
        return message_values(answer_queries.answer_shown(actor=actor_of(info), message_id=id))


class SelectMessage(HouseMutation):
    """Make the branch through a message the active one."""

    class Meta:
        permission = CREATE

    class Arguments:
        conversation_id = graphene.ID(required=True)
        id = graphene.ID(required=True)

    conversation = graphene.Field(OpenConversation, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> SelectMessage:
        chosen = messages.select_message(
            actor=actor,
            conversation_id=arguments["conversation_id"],
            message_id=arguments["id"],
        )
        return cls(conversation=conversation_queries.view_of(chosen))


class GiveFeedback(HouseMutation):
    """Say what you think of an answer: the last word counts, a null takes it back."""

    class Meta:
        permission = CREATE

    class Arguments:
        conversation_id = graphene.ID(required=True)
        id = graphene.ID(required=True)
        value = graphene.String(description="up, down or null")
        comment = graphene.String()

    message = graphene.Field(MessageType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> GiveFeedback:
        place = {"conversation_id": arguments["conversation_id"], "message_id": arguments["id"]}
        feedback.give_feedback(
            actor=actor,
            **place,
            value=arguments.get("value"),
            comment=arguments.get("comment"),
        )
        return cls(message=message_values(queries.open_message(actor=actor, **place)))


class Mutation(graphene.ObjectType):
    select_message = SelectMessage.Field()
    give_feedback = GiveFeedback.Field()
