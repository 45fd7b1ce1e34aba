"""What a conversation is called by its model. What a person called it stays, unless they ask for another."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from apps.conversations import topics
from apps.conversations.domain.titles import title_from
from apps.conversations.enums import MessageRole
from apps.conversations.models import Conversation, Message
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import conversations as queries
from apps.conversations.queries.messages import tree_of
from apps.conversations.services import conversations
from apps.core.actor import Actor
from apps.core.errors import Conflict
from apps.core.permissions import require


@dataclass(frozen=True, slots=True)
class Untitled:
    """What a model is to find a title for; `is_kept` when there is one that stays."""

    conversation: Conversation
    is_kept: bool
    asked: str = ""
    answered: str = ""


def untitled(*, actor: Actor, conversation_id: str, force: bool) -> Untitled:
    """The beginning of the active branch. Raises `NotFound`, `PermissionDenied`, `Conflict` when nothing was said."""
    require(actor, ConversationsPermission.CREATE)
    conversation = queries.conversation_of(actor=actor, conversation_id=conversation_id)
    queries.require_owner(actor, conversation)
    if conversation.is_title_given and not force:
        return Untitled(conversation, is_kept=True)
    path = tree_of(conversation).path(conversation.head_id)[:2]
    rows = list(Message.objects.filter(pk__in=path).order_by("pk"))
    if not rows or rows[0].role != MessageRole.USER:
        raise Conflict("Nothing was said yet that a title could be of.", code="nothing_said")
    answered = rows[1].content if len(rows) > 1 else ""
    return Untitled(conversation, is_kept=False, asked=rows[0].content, answered=answered)


def keep_title(
    *, actor: Actor, conversation_id: str, title: str, asked: str, force: bool
) -> Conversation:
    """Call it that; by the first line of what was asked where the model had no title.

    A title that a person gave meanwhile stays unless `force`. Raises `NotFound`, `PermissionDenied`.
    """
    with transaction.atomic():
        conversation = conversations.lock_own(actor=actor, conversation_id=conversation_id)
        found = title or title_from(asked)
        is_kept = conversation.is_title_given and not force
        if is_kept or not found or found == conversation.title:
            return conversation
        before = conversations.values(conversation)
        conversation.title, conversation.is_title_given = found, False
        conversation.revision += 1
        conversation.save(update_fields=["title", "is_title_given", "revision"])
        after = {**conversations.values(conversation), "changed": ["title"]}
        conversations.tell(topics.CONVERSATION_CHANGED, actor, conversation, before, after)
    return conversation
