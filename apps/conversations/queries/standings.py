"""Answers as their rows have them, for viewers of another process. Who may see one has been asked before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import F
from django.db.models.functions import Length
from django.utils import timezone

from apps.conversations.domain.answers import (
    INTERRUPTED,
    INTERRUPTED_MESSAGE,
    Ending,
    Standing,
)
from apps.conversations.enums import MessageStatus
from apps.conversations.models import Message
from apps.core.tenancy import unscoped

Lengths = tuple[int, int]


def standing_of(message: Message, now: datetime | None = None) -> Standing:
    """Of a row somebody holds already."""
    generation = getattr(message, "generation", None)
    lease = generation.lease_until if generation is not None else None
    return _standing(message, lease, now or timezone.now())


def standings_of(pks: Sequence[int], now: datetime | None = None) -> dict[int, Standing]:
    """By primary key; those that are gone are missing."""
    now = now or timezone.now()
    with unscoped(reason="a process follows the answers its viewers look at, whosever they are"):
        rows = Message.objects.filter(pk__in=pks).annotate(lease=F("generation__lease_until"))
        return {row.pk: _standing(row, row.lease, now) for row in rows}


def changed_since(known: Mapping[int, Lengths], now: datetime | None = None) -> set[int]:
    """Of these answers, those that have grown beyond the lengths known, have ended, or are gone."""
    now = now or timezone.now()
    with unscoped(reason="a process follows the answers its viewers look at, whosever they are"):
        rows = Message.objects.filter(
            pk__in=known, status=MessageStatus.GENERATING, generation__lease_until__gt=now
        ).values_list("pk", Length("content"), Length("reasoning"))
        same = {
            pk
            for pk, content, reasoning in rows
            if content <= known[pk][0] and reasoning <= known[pk][1]
        }
    return known.keys() - same


def _standing(row: Message, lease: datetime | None, now: datetime) -> Standing:
    return Standing(
        pk=row.pk,
        message=row.public_id,
        organization_id=row.organization_id,
        content=row.content,
        reasoning=row.reasoning,
        context=row.context,
        ending=_ending(row, is_alive=lease is not None and lease > now),
    )


def _ending(row: Message, *, is_alive: bool) -> Ending | None:
    status = MessageStatus(row.status)
    code, said = row.error_code, row.error_message
    if status is MessageStatus.GENERATING:
        if is_alive:
            return None
        status = MessageStatus.INTERRUPTED
    if status is MessageStatus.INTERRUPTED:
        code, said = code or INTERRUPTED, said or INTERRUPTED_MESSAGE
    return Ending(
        status=status,
        finish_reason=row.finish_reason,
        error_code=code,
        error_message=said,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        cost_nano=row.cost_nano,
        request_id=row.request_id,
        tool_calls=tuple(row.tool_calls),
    )
