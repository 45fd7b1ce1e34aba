"""Conversations with branches of messages for tests, straight into the tables."""

from __future__ import annotations

from itertools import count
from typing import Any

from apps.conversations.enums import MessageRole, Visibility
from apps.conversations.models import Conversation, Message
from apps.core.actor import Actor
from apps.core.tenancy import organization_scope

_numbers = count(1)


def make_conversation_of(actor: Actor, *texts: str, **values: Any) -> Conversation:
    """A conversation of this actor's with one branch: texts by turns, the person first."""
    given = {
        "title": f"Conversation {next(_numbers)}",
        "model": "any",
        "owner": actor.principal,
        "owner_name": actor.identity.name,
        **values,
    }
    with organization_scope(actor.organization_id):
        made = Conversation.objects.create(organization_id=actor.organization_id, **given)
    add_branch(made, *texts)
    return made


def make_shown_conversation_of(actor: Actor, *texts: str, **values: Any) -> Conversation:
    """One that every member may read."""
    return make_conversation_of(actor, *texts, visibility=Visibility.ORGANIZATION, **values)


def add_branch(
    conversation: Conversation, *texts: str, under: Message | None = None
) -> list[Message]:
    """Messages one under the other, where the last one said is; the head moves to their end."""
    made: list[Message] = []
    for text in texts:
        above = made[-1] if made else under
        is_answer = above is not None and above.role == MessageRole.USER
        made.append(
            add_message(
                conversation,
                text,
                parent=above,
                role=MessageRole.ASSISTANT if is_answer else MessageRole.USER,
            )
        )
    if made:
        conversation.head = made[-1]
        with organization_scope(conversation.organization_id):
            conversation.save(update_fields=["head"])
    return made


def add_message(conversation: Conversation, text: str, **values: Any) -> Message:
    given = {"role": MessageRole.USER, "content": text, **values}
    with organization_scope(conversation.organization_id):
        made = Message.objects.create(
            organization_id=conversation.organization_id, conversation=conversation, **given
        )
        conversation.message_count += 1
        conversation.save(update_fields=["message_count"])
    return made
