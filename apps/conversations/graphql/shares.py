"""Links that show a conversation, in GraphQL, and what one shows."""

from __future__ import annotations

from typing import Any

import graphene

from apps.conversations.models import Share
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import shares as queries
from apps.conversations.services import sharing
from apps.core.actor import Actor
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField
from apps.core.graphql.mutations import HouseMutation
from apps.core.graphql.types import DateTime

VIEW, CREATE = ConversationsPermission.VIEW, ConversationsPermission.CREATE


class SharedFile(graphene.ObjectType):
    """Its name; the bytes are not shared."""

    name = graphene.String(required=True)
    size = graphene.Int(required=True)


class SharedMessage(graphene.ObjectType):
    role = graphene.String(required=True)
    content = graphene.String(required=True)
    model = graphene.String(required=True)
    files = graphene.List(graphene.NonNull(SharedFile), required=True)
    created_at = DateTime(required=True)


class SharedConversation(graphene.ObjectType):
    """What whoever has the link sees."""

    title = graphene.String(required=True)
    model = graphene.String(required=True)
    shared_at = DateTime(required=True)
    expires_at = DateTime()
    messages = graphene.List(graphene.NonNull(SharedMessage), required=True)


class ConversationShare(graphene.ObjectType):
    expires_at = DateTime()
    created_at = DateTime(required=True)


class Query(graphene.ObjectType):
    conversation_share = HouseField(
        ConversationShare,
        required=True,
        permission=VIEW,
        id=graphene.ID(required=True),
        description="The link that is open now, without its secret.",
    )
    shared_conversation = HouseField(
        SharedConversation,
        required=True,
        signed_in="the link's secret is the credential",
        token=graphene.String(required=True, description="The last part of the link."),
    )

    @staticmethod
    def resolve_conversation_share(root: Any, info: Any, *, id: str) -> Share:  # noqa: A002 - the schema's word
        return queries.share_of(actor=actor_of(info), conversation_id=id)

    @staticmethod
    def resolve_shared_conversation(
        root: Any, info: Any, *, token: str
    ) -> queries.SharedConversation:
        return queries.shared_by(token)


class ShareConversation(HouseMutation):
    """Show the active branch as it is now; the link is told once, another ends it."""

    class Meta:
        permission = CREATE

    class Arguments:
        id = graphene.ID(required=True)
        expires_in = graphene.Int(description="Seconds; until it is ended when left out.")

    url = graphene.String(required=True)
    share = graphene.Field(ConversationShare, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> ShareConversation:
        made = sharing.share_conversation(
            actor=actor,
            conversation_id=arguments["id"],
            expires_in=arguments.get("expires_in"),
        )
        return cls(url=made.url, share=made.share)


class EndShare(HouseMutation):
    """Nobody sees the conversation by its link any more."""

    class Meta:
        permission = CREATE

    class Arguments:
        id = graphene.ID(required=True)

    id = graphene.ID(required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> EndShare:
        sharing.end_share(actor=actor, conversation_id=arguments["id"])
        return cls(id=arguments["id"])


class Mutation(graphene.ObjectType):
    share_conversation = ShareConversation.Field()
    end_share = EndShare.Field()
