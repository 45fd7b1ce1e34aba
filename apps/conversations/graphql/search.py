"""Search in GraphQL."""

from __future__ import annotations

from typing import Any

import graphene

from apps.conversations.graphql.pages import PagedField
from apps.conversations.graphql.types import ConversationType
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import search as queries
from apps.core.graphql.context import actor_of
from apps.core.graphql.types import DateTime, HouseType
from apps.core.pagination import Page


class SearchPiece(graphene.ObjectType):
    """A part of a text; plain, to be escaped."""

    text = graphene.String(required=True)
    is_match = graphene.Boolean(required=True)


class FoundMessage(graphene.ObjectType):
    id = graphene.ID(required=True)
    role = graphene.String(required=True)
    created_at = DateTime(required=True)
    snippet = graphene.List(graphene.NonNull(SearchPiece), required=True)


class ConversationHit(HouseType):
    """A conversation that matches."""

    conversation = graphene.Field(ConversationType, required=True)
    title = graphene.List(graphene.NonNull(SearchPiece), required=True)
    matches = graphene.Int(required=True, description="Messages that match.")
    message = graphene.Field(FoundMessage, description="The best match among them.")

    @staticmethod
    def resolve_message(hit: queries.Hit, info: Any) -> dict[str, Any] | None:
        row = hit.message
        if row is None:
            return None
        return {
            "id": row.public_id,
            "role": row.role,
            "created_at": row.created_at,
            "snippet": hit.snippet,
        }


class Query(graphene.ObjectType):
    search_conversations = PagedField(
        ConversationHit,
        permission=ConversationsPermission.VIEW,
        text=graphene.String(required=True, description='Words; `"…"` holds a phrase together.'),
        description="Titles first, then the best match.",
    )

    @staticmethod
    def resolve_search_conversations(
        root: Any, info: Any, *, text: str, page: int, limit: int
    ) -> Page:
        return queries.search_conversations(actor=actor_of(info), text=text, page=page, limit=limit)
