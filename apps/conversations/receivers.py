"""What follows from facts of this app in the same transaction."""

from __future__ import annotations

from apps.conversations import topics
from apps.conversations.services import uploads
from apps.core import bus


@bus.receives(topics.CONVERSATION_REMOVED)
def end_files(fact: bus.Fact) -> None:
    """Attached files go with their conversation."""
    uploads.release(conversation_id=fact.object_id)
