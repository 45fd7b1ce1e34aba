"""Which answer a viewer means, and one as it is shown."""

from __future__ import annotations

from apps.conversations.enums import MessageRole, MessageStatus
from apps.conversations.models import Message
from apps.conversations.queries import conversations, messages
from apps.conversations.queries.shown import MessageView
from apps.core.actor import Actor
from apps.core.errors import NotFound


def answer_to_follow(
    *, actor: Actor, conversation_id: str, named: str | None, is_over: bool
) -> Message | None:
    """The answer that a returning viewer was at, or else the last one of the active branch; None where there is none.

    Who has heard the end of one is led on to the last. Raises `NotFound` for the conversation.
    """
    conversation = conversations.conversation_of(actor=actor, conversation_id=conversation_id)
    last = Message.objects.filter(pk=conversation.head_id or 0, role=MessageRole.ASSISTANT).first()
    if named is None:
        return last
    try:
        meant = messages.message_in(conversation, named)
    except NotFound:
        return last
    is_ended = meant.status != MessageStatus.GENERATING
    return last if is_over and is_ended else meant


def answer_shown(*, actor: Actor, message_id: str) -> MessageView:
    """Raises `NotFound`."""
    message = messages.find_message(actor=actor, message_id=message_id)
    return messages.view_of(actor=actor, message=message)
