"""What people think of answers. Whoever may read an answer may say; each once, the last word counts."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from apps.conversations.domain import terms
from apps.conversations.enums import MessageRole, Verdict
from apps.conversations.models import Feedback
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import messages
from apps.core.actor import Actor
from apps.core.errors import Invalid
from apps.core.permissions import require


def give_feedback(
    *, actor: Actor, conversation_id: str, message_id: str, value: Any, comment: Any = ""
) -> Feedback | None:
    """`up` or `down`, with a comment or not; None takes it back.

    Raises `NotFound`, `PermissionDenied`, `Invalid` (also for what no model said).
    """
    require(actor, ConversationsPermission.CREATE)
    verdict = None if value is None else terms.check_word(value, "value", Verdict)
    said = terms.check_text(
        comment or "", "comment", longest=terms.LONGEST_COMMENT, may_be_empty=True
    )
    message = messages.message_of(
        actor=actor, conversation_id=conversation_id, message_id=message_id
    )
    if message.role != MessageRole.ASSISTANT:
        raise Invalid.field("id", "names no answer; feedback is for answers", "role")
    own = {"message": message, "principal": actor.principal}
    with transaction.atomic():
        if verdict is None:
            Feedback.objects.filter(**own).delete()
            return None
        feedback, _ = Feedback.objects.update_or_create(
            **own,
            defaults={"value": verdict, "comment": said},
            create_defaults={
                "value": verdict,
                "comment": said,
                "organization_id": actor.organization_id,
            },
        )
    return feedback
