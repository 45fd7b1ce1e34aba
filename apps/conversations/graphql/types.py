"""What conversations and messages look like in GraphQL: the fields of REST."""

from __future__ import annotations

from typing import Any

import graphene

from apps.conversations.generations.presenting import message_values
from apps.conversations.graphql.pages import PAGING, part_of, place_of
from apps.conversations.models import Conversation
from apps.conversations.queries import messages as queries
from apps.conversations.queries.shown import ConversationView, Rollup
from apps.core.errors import Invalid
from apps.core.graphql.connections import PageInfo
from apps.core.graphql.context import actor_of
from apps.core.graphql.types import JSON, DateTime, HouseType
from apps.providers.domain.budgets import to_dollars


class ConversationUsage(graphene.ObjectType):
    """Tokens, and dollars."""

    prompt = graphene.Int(required=True)
    completion = graphene.Int(required=True)
    total = graphene.Int(required=True)
    cost = graphene.Float(required=True, description="Dollars.")


class ConversationOwner(graphene.ObjectType):
    id = graphene.ID(required=True)
    name = graphene.String(required=True)


class MessageAttachment(graphene.ObjectType):
    """An upload as it was when it was attached."""

    id = graphene.ID(required=True)
    name = graphene.String(required=True)
    size = graphene.Int(required=True)
    content_type = graphene.String(required=True)


class MessageSiblings(graphene.ObjectType):
    """The messages that stand where this one does."""

    count = graphene.Int(required=True)
    position = graphene.Int(required=True, description="From 1.")
    ids = graphene.List(graphene.NonNull(graphene.ID), required=True)


class MessageFeedback(graphene.ObjectType):
    value = graphene.String(required=True, description="up or down")
    comment = graphene.String(required=True)


class MessageError(graphene.ObjectType):
    code = graphene.String(required=True)
    message = graphene.String(required=True)


class MessageType(HouseType):
    """What was said, by a person or a model. Made of plain values, so that the loop may show it."""

    class Meta:
        name = "Message"

    id = graphene.ID(required=True)
    role = graphene.String(required=True, description="user or assistant")
    content = graphene.String(required=True)
    parent_id = graphene.ID()
    status = graphene.String(
        required=True, description="generating, complete, stopped, failed or interrupted"
    )
    created_at = DateTime(required=True)
    finished_at = DateTime()
    usage = graphene.Field(ConversationUsage)
    model = graphene.String()
    reasoning = graphene.String(required=True)
    tool_calls = JSON(required=True)
    attachments = graphene.List(graphene.NonNull(MessageAttachment), required=True)
    context = JSON(required=True, description="What the model was given.")
    finish_reason = graphene.String(required=True)
    error = graphene.Field(MessageError)
    request_id = graphene.String(required=True)
    siblings = graphene.Field(MessageSiblings, required=True)
    feedback = graphene.Field(MessageFeedback, description="Your own.")


class MessageConnection(graphene.ObjectType):
    """A part of a branch or of the whole tree, oldest first."""

    nodes = graphene.List(graphene.NonNull(MessageType), required=True)
    page_info = graphene.Field(PageInfo, required=True)
    total_count = graphene.Int(required=True)
    before = graphene.ID(description="Where the page before this one ends, with `before`.")


class ConversationType(HouseType):
    """As lists have it: nothing anybody wrote but the title and the tags."""

    class Meta:
        name = "Conversation"

    id = graphene.ID(required=True, source="public_id")
    title = graphene.String()
    model = graphene.String(required=True)
    owner = graphene.Field(ConversationOwner, required=True)
    visibility = graphene.String(required=True, description="private or organization")
    tags = graphene.List(graphene.NonNull(graphene.String), required=True)
    parameters = JSON(required=True)
    trimming = graphene.String(required=True, description="oldest or summary")
    context_tokens = graphene.Int()
    archived = graphene.Boolean(required=True)
    archived_at = DateTime()
    message_count = graphene.Int(required=True)
    created_at = DateTime(required=True)
    updated_at = DateTime(required=True)
    revision = graphene.Int(required=True)

    @staticmethod
    def resolve_title(row: Conversation, info: Any) -> str | None:
        return row.title or None

    @staticmethod
    def resolve_owner(row: Conversation, info: Any) -> dict[str, str]:
        return {"id": row.owner, "name": row.owner_name}

    @staticmethod
    def resolve_archived(row: Conversation, info: Any) -> bool:
        return row.archived_at is not None


class OpenConversation(HouseType):
    """One conversation: how it is set, what it used, and what was said."""

    conversation = graphene.Field(ConversationType, required=True)
    system_prompt = graphene.String(required=True)
    head_id = graphene.ID(description="The last message of the active branch.")
    usage = graphene.Field(ConversationUsage, required=True)
    messages = graphene.Field(
        MessageConnection,
        required=True,
        **PAGING,
        before=graphene.ID(description="A message's id, or `end`: the last ones before it."),
        tree=graphene.Boolean(description="Every message of every branch."),
        description="The active branch, oldest first.",
    )

    @staticmethod
    def resolve_system_prompt(view: ConversationView, info: Any) -> str:
        return view.conversation.system_prompt

    @staticmethod
    def resolve_head_id(view: ConversationView, info: Any) -> str | None:
        return view.head

    @staticmethod
    def resolve_usage(view: ConversationView, info: Any) -> dict[str, Any]:
        return used(view.usage)

    @staticmethod
    def resolve_messages(
        view: ConversationView,
        info: Any,
        *,
        first: int | None = None,
        after: str | None = None,
        before: str | None = None,
        tree: bool | None = None,
    ) -> dict[str, Any]:
        if before is not None and (after or tree):
            raise Invalid.field("before", "goes with neither `after` nor `tree`", "choice")
        number, limit = place_of(first, after)
        wanted: dict[str, Any] = {
            "actor": actor_of(info),
            "conversation_id": view.conversation.public_id,
            "limit": limit,
        }
        if before is not None:
            page = queries.branch_page(before=before, **wanted)
            earlier = page.meta["before"]
            return {
                "nodes": [message_values(row) for row in page.rows],
                "page_info": {"has_next_page": False, "end_cursor": None},
                "total_count": page.meta["total"],
                "before": earlier,
            }
        read = queries.tree_page if tree else queries.branch_page
        page = read(page=number, **wanted)
        part = part_of(page)
        return {**part, "nodes": [message_values(row) for row in page.rows]}


def used(rollup: Rollup) -> dict[str, Any]:
    return {
        "prompt": rollup.prompt_tokens,
        "completion": rollup.completion_tokens,
        "total": rollup.prompt_tokens + rollup.completion_tokens,
        "cost": float(to_dollars(rollup.cost_nano)),
    }
