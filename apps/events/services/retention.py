"""The end of published events: by age, and by rows of a topic. Numbers go on; who asks for what is gone hears of a gap.

Only the oldest of a topic go, so what is left of it is always whole. A batch a transaction, each short.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.core.tenancy import organization_scope, unscoped
from apps.events.models import OutboxEvent, TopicHead

BATCH = 500
MAX_BATCHES = 20
"""Of one topic in one sweep; the rest waits for the next."""


def sweep(*, now: datetime | None = None) -> int:
    """Remove what is older than the settings keep, in every organization; how many rows went."""
    cutoff = (now or timezone.now()) - settings.SIGNALBOX_EVENT_RETENTION
    with unscoped(reason="one sweep serves every organization"):
        heads = list(TopicHead.objects.filter(sequence__gt=0))
    return sum(_sweep_topic(head, cutoff) for head in heads)


def _sweep_topic(head: TopicHead, cutoff: datetime) -> int:
    keep_from = head.sequence - settings.SIGNALBOX_EVENT_ROWS
    removed = 0
    with organization_scope(head.organization_id):
        for _ in range(MAX_BATCHES):
            went = _sweep_batch(head, keep_from, cutoff)
            removed += went
            if went < BATCH:
                break
    return removed


def _sweep_batch(head: TopicHead, keep_from: int, cutoff: datetime) -> int:
    """Remove the oldest rows up to the first that is to stay."""
    events = OutboxEvent.objects.filter(topic=head.topic)
    oldest = (
        events.filter(sequence__gt=head.floor)
        .order_by("sequence")
        .values_list("sequence", "at")[:BATCH]
    )
    gone, floor = 0, head.floor
    for sequence, at in oldest:
        if sequence is None or (sequence > keep_from and at >= cutoff):
            break
        gone, floor = gone + 1, sequence
    if gone:
        with transaction.atomic():
            events.filter(sequence__lte=floor).delete()
            TopicHead.objects.filter(pk=head.pk, floor__lt=floor).update(floor=floor)
        head.floor = floor
    return gone
