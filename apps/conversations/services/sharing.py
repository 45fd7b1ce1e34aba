"""Links that show a conversation, as it is at that moment, to whoever has one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.conversations import topics
from apps.conversations.domain import shares as rules
from apps.conversations.enums import MessageStatus
from apps.conversations.errors import BranchBusy
from apps.conversations.models import Conversation, Message, Share
from apps.conversations.services import conversations
from apps.core import bus
from apps.core.actor import Actor
from apps.core.errors import Conflict, Invalid
from apps.core.housekeeping import drop_in_batches
from apps.core.tenancy import unscoped


@dataclass(frozen=True, slots=True)
class Shared:
    """A share and its link, which is never shown again."""

    share: Share
    url: str


def share_conversation(
    *, actor: Actor, conversation_id: str, expires_in: int | None = None
) -> Shared:
    """Show the active branch by a link, until its present end; what is said later is not shown. An older link ends.

    Raises `NotFound`, `PermissionDenied`, `Invalid`, `Conflict` for a conversation without messages and `BranchBusy`
    while an answer is being written.
    """
    if expires_in is not None and not rules.LEAST_SECONDS <= expires_in <= rules.MOST_SECONDS:
        said = f"must be {rules.LEAST_SECONDS} to {rules.MOST_SECONDS} seconds"
        raise Invalid.field("expires_in", said, "range")
    now = timezone.now()
    token = rules.new_token()
    with transaction.atomic():
        conversation = conversations.lock_own(actor=actor, conversation_id=conversation_id)
        until = _end_of(conversation)
        Share.objects.filter(conversation=conversation).delete()
        share = Share.objects.create(
            organization_id=actor.organization_id,
            conversation=conversation,
            until=until,
            until_length=len(until.content),
            title=conversation.title,
            digest=rules.digest_of(token),
            expires_at=None if expires_in is None else now + timedelta(seconds=expires_in),
            created_by=actor.principal,
            created_at=now,
        )
        _tell(topics.SHARE_CREATED, actor, share)
    return Shared(share, link_of(token))


def end_share(*, actor: Actor, conversation_id: str) -> None:
    """Nobody sees the conversation by its link any more; again is no error. Raises `NotFound`, `PermissionDenied`."""
    with transaction.atomic():
        conversation = conversations.lock_own(actor=actor, conversation_id=conversation_id)
        for share in Share.objects.filter(conversation=conversation):
            _tell(topics.SHARE_ENDED, actor, share)
            share.delete()


def link_of(token: str) -> str:
    return f"{settings.SIGNALBOX_PUBLIC_URL.rstrip('/')}/shared/{token}"


def forget_expired() -> int:
    """Drop the shares that have run out, in every organisation."""
    with unscoped(reason="housekeeping over all organisations"):
        return drop_in_batches(Share.objects.filter(expires_at__lte=timezone.now()))


def _end_of(conversation: Conversation) -> Message:
    if conversation.head_id is None:
        raise Conflict("There is nothing in it to share yet.", code="nothing_to_share")
    until = Message.objects.get(pk=conversation.head_id)
    if until.status == MessageStatus.GENERATING:
        raise BranchBusy
    return until


def _tell(topic: str, actor: Actor, share: Share) -> None:
    ends = share.expires_at.isoformat() if share.expires_at else None
    bus.publish(
        bus.Fact(
            topic,
            organization_id=share.organization_id,
            actor=actor,
            object_id=share.conversation.public_id,
            after={"expires_at": ends} if topic == topics.SHARE_CREATED else None,
        )
    )
