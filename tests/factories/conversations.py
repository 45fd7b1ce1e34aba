"""Conversations, long branches and answers under way for tests, straight into the tables."""

from __future__ import annotations

from datetime import timedelta
from itertools import count, pairwise
from typing import Any

from django.utils import timezone

from apps.conversations.enums import MessageRole, MessageStatus
from apps.conversations.models import Conversation, Generation, Message
from apps.core.actor import Actor
from apps.core.tenancy import organization_scope

_numbers = count(1)


def make_conversation(actor: Actor, **values: Any) -> Conversation:
    """One of this actor's, with nothing said in it."""
    given = {
        "title": f"About {next(_numbers)}",
        "model": "chat",
        "owner": actor.principal,
        "owner_name": actor.identity.name,
        **values,
    }
    with organization_scope(actor.organization_id):
        return Conversation.objects.create(organization_id=actor.organization_id, **given)


def make_message(
    conversation: Conversation, parent: Message | None = None, content: str = "Hello", **values: Any
) -> Message:
    """Under a message, asked and answered by turns; the head moves to it."""
    is_answer = parent is not None and parent.role == MessageRole.USER
    given = {
        "role": MessageRole.ASSISTANT if is_answer else MessageRole.USER,
        "parent": parent,
        "content": content,
        **values,
    }
    with organization_scope(conversation.organization_id):
        made = Message.objects.create(
            organization_id=conversation.organization_id, conversation=conversation, **given
        )
        conversation.head = made
        conversation.message_count = Message.objects.filter(conversation=conversation).count()
        conversation.save(update_fields=["head", "message_count"])
    return made


def make_branch(conversation: Conversation, length: int, content: str = "Hello") -> list[Message]:
    """A branch of its own, as long as asked, in two statements."""
    with organization_scope(conversation.organization_id):
        rows = Message.objects.bulk_create(
            Message(
                organization_id=conversation.organization_id,
                conversation=conversation,
                role=MessageRole.ASSISTANT if index % 2 else MessageRole.USER,
                content=f"{content} {index}",
            )
            for index in range(length)
        )
        for above, row in pairwise(rows):
            row.parent = above
        Message.objects.bulk_update(rows, ["parent"], batch_size=200)
        conversation.head = rows[-1]
        conversation.message_count = Message.objects.filter(conversation=conversation).count()
        conversation.save(update_fields=["head", "message_count"])
    return rows


def make_generation(message: Message, *, seconds: float = 5.0, **values: Any) -> Generation:
    """The answer is being written; the lease ends in so many seconds, or has ended so many ago."""
    with organization_scope(message.organization_id):
        Message.objects.filter(pk=message.pk).update(status=MessageStatus.GENERATING)
        message.status = MessageStatus.GENERATING
        return Generation.objects.create(
            organization_id=message.organization_id,
            message=message,
            lease_until=timezone.now() + timedelta(seconds=seconds),
            **{"process": "elsewhere", **values},
        )
