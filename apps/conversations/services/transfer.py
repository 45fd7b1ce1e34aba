"""Conversations from documents: all that a document holds, or nothing of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.conversations import topics
from apps.conversations.domain import transfer as rules
from apps.conversations.domain.transfer import Parcel
from apps.conversations.models import Conversation, Message
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.services import conversations
from apps.core.actor import Actor
from apps.core.errors import Invalid
from apps.core.permissions import require

BATCH = 200


def import_conversations(
    *, actor: Actor, document: Any, model: str | None = None
) -> list[Conversation]:
    """Make what the document holds, as the actor's own and private. `model` is for those whose own is not to be had.

    Raises `Invalid` with the place of what is wrong.
    """
    require(actor, ConversationsPermission.CREATE)
    now = timezone.now()
    parcels = rules.read_document(document, now=now)
    models = _models(actor, parcels, model)
    with transaction.atomic():
        made = [_make(actor, parcel, models[parcel.model], now) for parcel in parcels]
        for conversation in made:
            conversations.tell(
                topics.CONVERSATION_IMPORTED,
                actor,
                conversation,
                after=conversations.values(conversation),
            )
    return made


def _models(actor: Actor, parcels: list[Parcel], instead: str | None) -> dict[str, str]:
    """Which route stands for each model that is named. Raises `Invalid`."""
    found: dict[str, str] = {}
    for name in {parcel.model for parcel in parcels}:
        try:
            found[name] = conversations.check_model(actor, name)
        except Invalid:
            found[name] = conversations.check_model(actor, instead)
    return found


def _make(actor: Actor, parcel: Parcel, model: str, now: datetime) -> Conversation:
    conversation = Conversation.objects.create(
        organization_id=actor.organization_id,
        owner=actor.principal,
        owner_name=actor.identity.name,
        model=model,
        message_count=len(parcel.messages),
        updated_at=now,
        **parcel.settings,
    )
    rows = Message.objects.bulk_create(
        [_row(actor, conversation, message) for message in parcel.messages], batch_size=BATCH
    )
    following = []
    for row, message in zip(rows, parcel.messages, strict=True):
        if message.parent is not None:
            row.parent = rows[message.parent]
            following.append(row)
    Message.objects.bulk_update(following, ["parent"], batch_size=BATCH)
    if parcel.head is not None:
        conversation.head = rows[parcel.head]
        conversation.save(update_fields=["head"])
    return conversation


def _row(actor: Actor, conversation: Conversation, message: rules.ParcelMessage) -> Message:
    return Message(
        organization_id=actor.organization_id,
        conversation=conversation,
        role=message.role,
        status=message.status,
        content=message.content,
        reasoning=message.reasoning,
        tool_calls=message.tool_calls,
        model=message.model,
        created_at=message.created_at,
        finished_at=message.created_at,
    )
