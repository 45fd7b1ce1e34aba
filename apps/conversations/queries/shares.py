"""Conversations as they are shown by a link: to whoever holds it, and nothing but what was said until it was made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from apps.conversations.domain.shares import digest_of, is_token
from apps.conversations.models import Message, Share
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import conversations
from apps.conversations.queries.messages import tree_of
from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.core.permissions import require
from apps.core.tenancy import organization_scope, unscoped

BATCH = 500


@dataclass(frozen=True, slots=True)
class SharedMessage:
    """What a stranger sees of a message: no thoughts, no costs, of files the name alone."""

    role: str
    content: str
    model: str
    files: list[dict[str, Any]]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SharedConversation:
    title: str
    model: str
    shared_at: datetime
    expires_at: datetime | None
    messages: list[SharedMessage]


def shared_by(token: str) -> SharedConversation:
    """What a link shows. Raises `NotFound` for one that never was, has run out or was ended: they look the same."""
    share = _open_share(token)
    with organization_scope(share.organization_id):
        messages = list(_messages(share))
    return SharedConversation(
        title=share.title,
        model=share.conversation.model,
        shared_at=share.created_at,
        expires_at=share.expires_at,
        messages=messages,
    )


def share_of(*, actor: Actor, conversation_id: str) -> Share:
    """The link that is open now, without its secret. Only the owner is told. Raises `NotFound`."""
    require(actor, ConversationsPermission.VIEW)
    conversation = conversations.conversation_of(actor=actor, conversation_id=conversation_id)
    conversations.require_owner(actor, conversation)
    share = Share.objects.filter(conversation=conversation).order_by("-pk").first()
    if share is None or not _is_open(share):
        raise NotFound
    return share


def _open_share(token: str) -> Share:
    if not is_token(token):
        raise NotFound
    with unscoped(reason="whoever holds a share's link belongs to no organisation"):
        rows = Share.objects.select_related("conversation")
        share = rows.filter(digest=digest_of(token)).first()
    if share is None or not _is_open(share):
        raise NotFound
    return share


def _is_open(share: Share) -> bool:
    return share.expires_at is None or share.expires_at > timezone.now()


def _messages(share: Share) -> Iterator[SharedMessage]:
    path = tree_of(share.conversation).path(share.until_id)
    for start in range(0, len(path), BATCH):
        part = path[start : start + BATCH]
        rows = Message.objects.in_bulk(part)
        for number in part:
            if (row := rows.get(number)) is None:
                continue  # removed since the tree was read
            content = row.content
            if number == share.until_id:
                content = content[: share.until_length]
            files = [{"name": file["name"], "size": file["size"]} for file in row.files]
            yield SharedMessage(row.role, content, row.model, files, row.created_at)
