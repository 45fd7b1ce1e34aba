"""Files of conversations: kept for a day when uploaded, and as long as their conversation once attached."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.conversations.domain import sniffing
from apps.conversations.models import Conversation
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import uploads as queries
from apps.core.actor import Actor
from apps.core.errors import Conflict, Invalid, NotFound, TooLarge, Unsupported
from apps.core.files import files
from apps.core.files.names import clean_name
from apps.core.models import StoredFile
from apps.core.permissions import require

KEPT_UNATTACHED = timedelta(days=1)
MOST_ATTACHED = 10
"""Files of one message."""
LARGEST_JSON = 5 * 1024 * 1024
"""Read whole to see whether it is; a larger one is kept as text."""


def keep_upload(*, actor: Actor, stream: BinaryIO, name: str, content_type: str) -> StoredFile:
    """Keep an uploaded file. Raises `Unsupported` for what is not taken or not what it is said to be, `TooLarge`, `NoRoom`.

    The stream is read twice: first it is looked at, for nothing may be kept that is refused.
    """
    require(actor, ConversationsPermission.UPLOAD)
    kept_name = clean_name(name) or "file"
    found = _look_at(stream, kept_name, content_type)
    return files.store(
        stream,
        organization_id=actor.organization_id,
        purpose=queries.PURPOSE,
        limit=settings.SIGNALBOX_UPLOAD_BYTES,
        subject=actor.principal,
        name=kept_name,
        content_type=found,
        keep=KEPT_UNATTACHED,
    )


def remove_upload(*, actor: Actor, file_id: str) -> None:
    """End a file that is not attached. `Conflict` for one that is: it goes with its conversation."""
    require(actor, ConversationsPermission.UPLOAD)
    file = queries.upload_of(actor=actor, file_id=file_id)
    if file.subject != actor.principal:
        raise Conflict("The file belongs to a conversation and goes with it.", code="file_attached")
    files.delete(file)


def attach(
    *, actor: Actor, conversation: Conversation, file_ids: Sequence[str], field: str = "attachments"
) -> list[dict[str, Any]]:
    """Attach uploads to a message of this conversation; what `Message.files` keeps of them, in the order given.

    Called within the transaction that writes the message, by the owner: if that fails they stay unattached. Files
    attached to it already may be named again, as an edited message does.
    """
    wanted = list(dict.fromkeys(file_ids))
    if len(wanted) > MOST_ATTACHED:
        raise Invalid.field(field, f"may have {MOST_ATTACHED} entries", "max_length")
    if not wanted:
        return []
    rows = _held(actor, conversation, wanted, field)
    fresh = [row.pk for row in rows.values() if row.subject != conversation.public_id]
    StoredFile.objects.filter(pk__in=fresh).update(subject=conversation.public_id, expires_at=None)
    return [described(rows[file_id]) for file_id in wanted]


def release(*, conversation_id: str) -> None:
    """End the files of a conversation that has been removed, in the transaction that removes it."""
    for file in queries.of_conversation(conversation_id):
        files.delete(file)


def described(file: StoredFile) -> dict[str, Any]:
    return {
        "id": file.public_id,
        "name": file.name,
        "size": file.size,
        "content_type": file.content_type,
    }


def _look_at(stream: BinaryIO, name: str, said: str) -> str:
    sniffer = sniffing.Sniffer()
    limit = settings.SIGNALBOX_UPLOAD_BYTES
    while piece := stream.read(files.PIECE):
        sniffer.feed(piece)
        if sniffer.size > limit:
            raise TooLarge(f"A file may have {limit} bytes at most.", code="file_too_large")
    stream.seek(0)
    try:
        found = sniffing.type_of(sniffer.kind(), name=name, said=said)
    except sniffing.NotTaken as error:
        raise Unsupported(str(error), code="unsupported_file") from None
    if found == sniffing.JSON:
        found = _as_json(stream, sniffer.size)
    return found if found not in sniffing.TEXTS else f"{found}; charset=utf-8"


def _as_json(stream: BinaryIO, size: int) -> str:
    if size > LARGEST_JSON:
        return sniffing.TEXT
    content = stream.read()
    stream.seek(0)
    if not sniffing.is_json(content):
        raise Unsupported(
            "It is said to be JSON and cannot be read as that.", code="unsupported_file"
        )
    return sniffing.JSON


def _held(
    actor: Actor, conversation: Conversation, wanted: Sequence[str], field: str
) -> dict[str, StoredFile]:
    """The rows, kept from the sweep until the message stands."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("files are attached in the transaction that writes their message")
    alive = Q(subject=actor.principal, expires_at__gt=timezone.now())
    try:
        found = StoredFile.objects.select_for_update().filter(
            alive | Q(subject=conversation.public_id), purpose=queries.PURPOSE, public_id__in=wanted
        )
        rows = {row.public_id: row for row in found}
    except NotFound:
        rows = {}
    if len(rows) < len(wanted):
        raise Invalid.field(field, "names a file that is not there", "not_found")
    return rows
