"""Conversations as documents, in GraphQL: taken away and brought in."""

from __future__ import annotations

from typing import Any

import graphene
from django.utils import timezone

from apps.conversations.domain import documents
from apps.conversations.graphql.types import ConversationType
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import exports
from apps.conversations.services import transfer
from apps.core.actor import Actor
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField
from apps.core.graphql.mutations import HouseMutation
from apps.core.graphql.types import JSON

ID = graphene.ID(required=True)


class Query(graphene.ObjectType):
    conversation_document = HouseField(
        JSON,
        required=True,
        permission=ConversationsPermission.VIEW,
        id=ID,
        description="Every branch, as `importConversations` takes it.",
    )
    conversation_markdown = HouseField(
        graphene.String,
        required=True,
        permission=ConversationsPermission.VIEW,
        id=ID,
        description="The active branch, to be read.",
    )

    @staticmethod
    def resolve_conversation_document(root: Any, info: Any, *, id: str) -> dict[str, Any]:  # noqa: A002 - the schema's word
        whole, messages = exports.whole_conversation(actor=actor_of(info), conversation_id=id)
        return documents.to_document(whole, messages, now=timezone.now())

    @staticmethod
    def resolve_conversation_markdown(root: Any, info: Any, *, id: str) -> str:  # noqa: A002 - as above
        conversation, branch = exports.active_branch(actor=actor_of(info), conversation_id=id)
        return documents.to_markdown(conversation, branch)


class ImportConversations(HouseMutation):
    """Make conversations of a document of ours, or of ChatGPT's export: all of it, or nothing."""

    class Meta:
        permission = ConversationsPermission.CREATE

    class Arguments:
        document = JSON(required=True)
        model = graphene.String(description="For those whose own model is not to be had here.")

    conversations = graphene.List(graphene.NonNull(ConversationType), required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> ImportConversations:
        made = transfer.import_conversations(
            actor=actor, document=arguments["document"], model=arguments.get("model")
        )
        return cls(conversations=made)


class Mutation(graphene.ObjectType):
    import_conversations = ImportConversations.Field()
