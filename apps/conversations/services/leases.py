"""Who writes an answer, and how long that is believed without a sign of life."""

from __future__ import annotations

import os
import secrets
import socket
from datetime import datetime, timedelta
from functools import cache

from django.utils import timezone

from apps.conversations.domain.answers import INTERRUPTED, INTERRUPTED_MESSAGE
from apps.conversations.enums import MessageStatus
from apps.conversations.models import Generation, Message

LEASE = timedelta(seconds=5)


def this_process() -> str:
    """A name no other process has, on no machine; of a fork its own."""
    return _name(os.getpid())


def begin(message: Message, *, process: str = "", now: datetime | None = None) -> Generation:
    """Write down that a process writes this answer from now on. Runs within a transaction of its caller."""
    now = now or timezone.now()
    return Generation.objects.create(
        organization_id=message.organization_id,
        message=message,
        process=process or this_process(),
        lease_until=now + LEASE,
        started_at=now,
    )


def let_go(generation: Generation, now: datetime) -> bool:
    """Write down that the process died: its answer keeps the text so far. Should it live after all, it finds that
    its generation is gone, and stops. False when it writes at this very moment. Runs within a transaction of its caller,
    who may hold the conversation, so it never waits for whoever holds the answer.
    """
    held = Generation.objects.select_for_update(skip_locked=True)
    dead = held.filter(pk=generation.pk, lease_until__lte=now).first()
    if dead is None:
        return False
    Message.objects.filter(pk=dead.message_id, status=MessageStatus.GENERATING).update(
        status=MessageStatus.INTERRUPTED,
        error_code=INTERRUPTED,
        error_message=INTERRUPTED_MESSAGE,
        finished_at=now,
    )
    dead.delete()
    return True


@cache
def _name(number: int) -> str:
    return f"{socket.gethostname()[:40]}.{number}.{secrets.token_hex(4)}"
