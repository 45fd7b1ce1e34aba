"""Conversations in GraphQL: listed, opened, begun, changed, put away, removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import graphene

from apps.conversations.graphql.pages import PagedField
from apps.conversations.graphql.types import (
    ConversationOwner,
    ConversationType,
    ConversationUsage,
    OpenConversation,
    used,
)
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import conversations as queries
from apps.conversations.queries.shown import ConversationView, OwnerStats
from apps.conversations.services import conversations
from apps.core.actor import Actor
from apps.core.errors import Invalid
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField
from apps.core.graphql.mutations import HouseMutation
from apps.core.graphql.types import JSON, DateTime, HouseType
from apps.core.pagination import Page, page_of

VIEW, CREATE = ConversationsPermission.VIEW, ConversationsPermission.CREATE
REVISION = "The revision the change is based on; STALE when it is no longer the present one."
NULLABLE = ("title", "system_prompt", "context_tokens")


class ConversationStats(HouseType):
    """What one owner's conversations come to: counts and costs, never texts."""

    owner = graphene.Field(ConversationOwner, required=True)
    conversations = graphene.Int(required=True, source="held")
    archived = graphene.Int(required=True)
    messages = graphene.Int(required=True, source="said")
    usage = graphene.Field(ConversationUsage, required=True)
    last_at = DateTime(required=True)

    @staticmethod
    def resolve_owner(stats: OwnerStats, info: Any) -> dict[str, str]:
        return {"id": stats.owner, "name": stats.name}

    @staticmethod
    def resolve_usage(stats: OwnerStats, info: Any) -> dict[str, Any]:
        return used(stats.usage)


class ConversationSettings(graphene.InputObjectType):
    title = graphene.String(description="Without one, the first line of the first message.")
    system_prompt = graphene.String()
    parameters = JSON(description="`temperature` and the like.")
    trimming = graphene.String(description="oldest or summary")
    context_tokens = graphene.Int(description="Null: what the model takes.")
    visibility = graphene.String(description="private or organization")
    tags = graphene.List(graphene.NonNull(graphene.String))
    archived = graphene.Boolean()


class ConversationInput(ConversationSettings):
    model = graphene.String(required=True, description="A route's name.")


class ConversationChangeInput(ConversationSettings):
    model = graphene.String(description="A route's name.")


class Query(graphene.ObjectType):
    conversations = PagedField(
        ConversationType,
        permission=VIEW,
        archived=graphene.String(description="true, false (by default) or all"),
        tag=graphene.String(),
        model=graphene.String(),
        visibility=graphene.String(),
        mine=graphene.Boolean(description="One's own, or those of others."),
        description="Last used first.",
    )
    conversation = HouseField(
        OpenConversation, required=True, permission=VIEW, id=graphene.ID(required=True)
    )
    conversation_stats = PagedField(ConversationStats, permission=ConversationsPermission.STATS)

    @staticmethod
    def resolve_conversations(
        root: Any, info: Any, *, page: int, limit: int, **wanted: Any
    ) -> Page:
        if wanted.get("archived") not in (None, *queries.ARCHIVED):
            raise Invalid.field(
                "archived", f"must be one of {', '.join(queries.ARCHIVED)}", "choice"
            )
        rows = queries.list_conversations(actor=actor_of(info), **wanted)
        return page_of(rows, page=page, limit=limit)

    @staticmethod
    def resolve_conversation(root: Any, info: Any, *, id: str) -> ConversationView:  # noqa: A002 - the schema's word
        return queries.open_conversation(actor=actor_of(info), conversation_id=id)

    @staticmethod
    def resolve_conversation_stats(root: Any, info: Any, *, page: int, limit: int) -> Page:
        return queries.stats_page(actor=actor_of(info), page=page, limit=limit)


class CreateConversation(HouseMutation):
    """Begin a conversation, private unless its `visibility` says otherwise."""

    class Meta:
        permission = CREATE

    class Arguments:
        input = ConversationInput(required=True)

    conversation = graphene.Field(ConversationType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CreateConversation:
        given = values_of(arguments["input"])
        return cls(conversation=conversations.create_conversation(actor=actor, **given))


class UpdateConversation(HouseMutation):
    """What is not named stays."""

    class Meta:
        permission = CREATE

    class Arguments:
        id = graphene.ID(required=True)
        input = ConversationChangeInput(required=True)
        expected_revision = graphene.Int(description=REVISION)

    conversation = graphene.Field(ConversationType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> UpdateConversation:
        given = values_of(arguments["input"])
        if not given:
            raise Invalid.field("input", "must name a field to change", "required")
        changed = conversations.update_conversation(
            actor=actor,
            conversation_id=arguments["id"],
            expected_revision=arguments.get("expected_revision"),
            **given,
        )
        return cls(conversation=changed)


class ArchiveConversation(HouseMutation):
    """Put a conversation away, or bring it back."""

    class Meta:
        permission = CREATE

    class Arguments:
        id = graphene.ID(required=True)
        archived = graphene.Boolean(default_value=True)
        expected_revision = graphene.Int(description=REVISION)

    conversation = graphene.Field(ConversationType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> ArchiveConversation:
        changed = conversations.update_conversation(
            actor=actor,
            conversation_id=arguments["id"],
            expected_revision=arguments.get("expected_revision"),
            archived=arguments["archived"],
        )
        return cls(conversation=changed)


class DeleteConversation(HouseMutation):
    """With all its messages; an answer that is being written there ends."""

    class Meta:
        permission = CREATE

    class Arguments:
        id = graphene.ID(required=True)
        expected_revision = graphene.Int(description=REVISION)

    id = graphene.ID(required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> DeleteConversation:
        conversations.remove_conversation(
            actor=actor,
            conversation_id=arguments["id"],
            expected_revision=arguments.get("expected_revision"),
        )
        return cls(id=arguments["id"])


class Mutation(graphene.ObjectType):
    create_conversation = CreateConversation.Field()
    update_conversation = UpdateConversation.Field()
    archive_conversation = ArchiveConversation.Field()
    delete_conversation = DeleteConversation.Field()


def values_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is left out is left out; null is no word for that. Raises `Invalid`."""
    for name, value in given.items():
        if value is None and name not in NULLABLE:
            raise Invalid.field(f"input.{name}", "may be left out but not null", "null")
    return dict(given)
