"""A message in one call: into a conversation that is there, or into one begun for it."""

from __future__ import annotations

from django.db import transaction

from apps.conversations.services import conversations, messages
from apps.conversations.services.messages import Begun
from apps.core.actor import Actor
from apps.core.errors import Invalid


def say(
    *, actor: Actor, message: str, conversation_id: str | None = None, model: str | None = None
) -> Begun:
    """Begin the answer to a message. Raises as `create_conversation` and `write_message` do."""
    if conversation_id is None and model is None:
        raise Invalid.field("model", "names the model of a new conversation", "required")
    with transaction.atomic():
        if conversation_id is None:
            made = conversations.create_conversation(actor=actor, model=model or "")
            return messages.write_message(
                actor=actor, conversation_id=made.public_id, content=message
            )
        return messages.write_message(
            actor=actor, conversation_id=conversation_id, content=message, model=model
        )
