"""Uploaded files: whose they are, and who may have them.

A file that is not attached yet belongs to who uploaded it, by `subject`. Attached, its subject is the conversation, and
who may read that may read the file.
"""

from __future__ import annotations

from collections.abc import Sequence

from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import conversations
from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.core.files import files
from apps.core.ids import is_id
from apps.core.models import StoredFile
from apps.core.permissions import require

PURPOSE = "conversation"


def upload_of(*, actor: Actor, file_id: str) -> StoredFile:
    """A file the actor may have; `NotFound` for any other."""
    require(actor, ConversationsPermission.VIEW)
    file = files.find(file_id=file_id, purpose=PURPOSE)
    if file.subject == actor.principal or _may_read(actor, file.subject):
        return file
    raise NotFound


def is_attached(file: StoredFile) -> bool:
    return file.expires_at is None


def of_conversation(conversation_id: str) -> list[StoredFile]:
    """Every file attached in a conversation. No check of who asks: for services."""
    return list(StoredFile.objects.filter(purpose=PURPOSE, subject=conversation_id).order_by("pk"))


def contents_of(conversation_id: str, file_ids: Sequence[str]) -> dict[str, StoredFile]:
    """Those of these that are attached in it, by id; for who is about to send them to a model."""
    rows = StoredFile.objects.filter(
        purpose=PURPOSE, subject=conversation_id, public_id__in=list(file_ids)
    )
    return {row.public_id: row for row in rows}


def _may_read(actor: Actor, subject: str) -> bool:
    if not is_id(subject, "conv"):
        return False
    return conversations.visible(actor).filter(public_id=subject).exists()
