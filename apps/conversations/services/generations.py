"""What the engine of answers writes: their text as it grows, how they ended, and that they are to stop.

Everything that runs in a process is written down in one transaction. Whoever lost the lease writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from apps.conversations.domain.answers import INTERRUPTED, INTERRUPTED_MESSAGE, Checkpoint, Ending
from apps.conversations.domain.texts import storable
from apps.conversations.enums import MessageStatus
from apps.conversations.models import Conversation, Generation, Message, Summary
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import conversations, messages
from apps.conversations.services.leases import LEASE
from apps.core.actor import Actor
from apps.core.permissions import require
from apps.core.tenancy import unscoped

# Put behind what is there up to a character, so that a piece whose commit was not heard of may be written again.
_GROW = (
    "UPDATE conversations_message SET content = substr(content, 1, %s) || %s, "
    "reasoning = substr(reasoning, 1, %s) || %s WHERE id = %s"
)
MOST_TOKENS, MOST_NANO = 2**31 - 1, 2**63 - 1
"""What the columns hold: an answer that is gone on with again and again adds up."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a process learns as it writes: answers it no longer has, and those it is asked to stop."""

    lost: frozenset[int]
    stopped: frozenset[int]


def write_down(
    *, process: str, checkpoints: Sequence[Checkpoint], now: datetime | None = None
) -> Heard:
    """Write what has come, move the leases on, end what has ended."""
    now = now or timezone.now()
    named = [each.message for each in checkpoints]
    with unscoped(reason="a process writes all its answers at once"), transaction.atomic():
        rows = Generation.objects.select_for_update().filter(message_id__in=named, process=process)
        stops = dict(rows.order_by("pk").values_list("message_id", "stop_requested_at"))
        ours = [each for each in checkpoints if each.message in stops]
        _write_texts(ours)
        for each in ours:
            _write_rest(each, now)
        _move_leases(ours, now)
    return Heard(
        lost=frozenset(named) - stops.keys(),
        stopped=frozenset(pk for pk, asked in stops.items() if asked is not None),
    )


def request_stop(
    *, actor: Actor, conversation_id: str, message_id: str | None = None
) -> list[Message]:
    """Ask whoever writes them to stop: that answer, or all of the conversation. Idempotent.

    Answers the messages meant: the named one, or those being written, or else the last one. Raises `NotFound`.
    """
    require(actor, ConversationsPermission.CREATE)
    conversation = conversations.conversation_of(actor=actor, conversation_id=conversation_id)
    conversations.require_owner(actor, conversation)
    now = timezone.now()
    if message_id is not None:
        meant = [messages.message_in(conversation, message_id)]
    else:
        found = Message.objects.filter(conversation=conversation)
        meant = list(found.exclude(generation=None)) or list(
            found.filter(pk=conversation.head_id or 0)
        )
    Generation.objects.filter(message__in=meant, stop_requested_at=None).update(
        stop_requested_at=now
    )
    return meant


def end_abandoned(now: datetime | None = None) -> int:
    """Write down of which answers the process died. How many they were."""
    now = now or timezone.now()
    with unscoped(reason="whoever looks ends the answers of dead processes"):
        if not Generation.objects.filter(lease_until__lt=now).exists():
            return 0
        with transaction.atomic():
            dead = Generation.objects.select_for_update().filter(lease_until__lt=now)
            pks = list(dead.order_by("pk").values_list("message_id", flat=True))
            Message.objects.filter(pk__in=pks, status=MessageStatus.GENERATING).update(
                status=MessageStatus.INTERRUPTED,
                error_code=INTERRUPTED,
                error_message=INTERRUPTED_MESSAGE,
                finished_at=now,
            )
            Generation.objects.filter(message_id__in=pks).delete()
        return len(pks)


def keep_summary(*, conversation_pk: int, organization_id: int, until: int, text: str) -> None:
    """Keep what the messages of a branch up to one come to. Of two that were made at once the later stays."""
    Summary.objects.update_or_create(
        until_id=until,
        defaults={
            "organization_id": organization_id,
            "conversation_id": conversation_pk,
            "text": text,
        },
    )


def _write_texts(checkpoints: Iterable[Checkpoint]) -> None:
    rows = [
        (each.content_from, each.content, each.reasoning_from, each.reasoning, each.message)
        for each in checkpoints
        if each.has_text
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(_GROW, rows)


def _write_rest(checkpoint: Checkpoint, now: datetime) -> None:
    message = Message.objects.filter(pk=checkpoint.message)
    if checkpoint.context is not None:
        message.update(context=checkpoint.context)
    if checkpoint.ending is not None:
        message.update(**_columns(checkpoint.ending), finished_at=now)


def _columns(ending: Ending) -> dict[str, object]:
    """An upstream's words are storable or made so: one that is not would keep all answers of a round from being written."""
    return {
        "status": ending.status,
        "finish_reason": storable(ending.finish_reason)[:40],
        "error_code": storable(ending.error_code)[:60],
        "error_message": storable(ending.error_message)[:500],
        "prompt_tokens": _at_most(ending.prompt_tokens, MOST_TOKENS),
        "completion_tokens": _at_most(ending.completion_tokens, MOST_TOKENS),
        "cost_nano": _at_most(ending.cost_nano, MOST_NANO),
        "request_id": ending.request_id[:80],
        "tool_calls": list(ending.tool_calls),
    }


def _at_most(number: int | None, most: int) -> int | None:
    return None if number is None else min(number, most)


def _move_leases(checkpoints: Sequence[Checkpoint], now: datetime) -> None:
    ended = [each.message for each in checkpoints if each.ending is not None]
    going = [each.message for each in checkpoints if each.ending is None]
    if going:
        Generation.objects.filter(message_id__in=going).update(lease_until=now + LEASE)
    if ended:
        Generation.objects.filter(message_id__in=ended).delete()
        _touch_conversations(ended, now)


def _touch_conversations(ended: Sequence[int], now: datetime) -> None:
    """Those that nobody else holds: who does writes the time as well, and may be waiting for one of these answers."""
    rows = Conversation.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
    free = list(rows.filter(messages__in=ended).values_list("pk", flat=True))
    Conversation.objects.filter(pk__in=free).update(updated_at=now)
