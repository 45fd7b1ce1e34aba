"""A conversation whole, for whoever may read it to take away."""

from __future__ import annotations

from apps.conversations.enums import MessageStatus
from apps.conversations.models import Conversation, Message
from apps.conversations.queries import conversations
from apps.conversations.queries.messages import tree_of
from apps.core.actor import Actor


def whole_conversation(*, actor: Actor, conversation_id: str) -> tuple[Conversation, list[Message]]:
    """Every branch, in the order it was written. An answer under way is as it stands, told as interrupted.

    Raises `NotFound`.
    """
    conversation = conversations.conversation_of(actor=actor, conversation_id=conversation_id)
    messages = list(Message.objects.filter(conversation=conversation).order_by("pk"))
    for message in messages:
        if message.status == MessageStatus.GENERATING:
            message.status = MessageStatus.INTERRUPTED
    return conversation, messages


def active_branch(*, actor: Actor, conversation_id: str) -> tuple[Conversation, list[Message]]:
    """Raises `NotFound`."""
    conversation = conversations.conversation_of(actor=actor, conversation_id=conversation_id)
    path = tree_of(conversation).path(conversation.head_id)
    rows = {message.pk: message for message in Message.objects.filter(conversation=conversation)}
    return conversation, [rows[number] for number in path if number in rows]
