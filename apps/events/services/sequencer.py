"""Giving numbers: one holder per installation, a batch a transaction, no hole and no number twice.

A number is given after the event's transaction has committed, so one that rolls back leaves none behind; and to rows
that are all visible, under the lock of the sequencer's one row, so numbers become visible in their own order. Whoever
reads "greater than the last I saw" therefore misses nothing. Each event gets two: `sequence` within its organization
and topic, which is what the outside sees, and `position` in the log of the whole installation, by which the other
processes follow.

What no transaction stands behind (readings, access records) is put into the same table by its publisher and numbered
here with the rest. It costs a row of a batch; a cheaper path would need a second source of numbers, and two sources
cannot promise "no holes" through the death of either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.core.tenancy import unscoped
from apps.events.models import OutboxEvent, Sequencer, TopicHead

BATCH = 1000
REASON = "one sequencer serves every organization"
MOST_LEASES = 3
LOCK_PATIENCE = "1s"
IDLE_PATIENCE = "5s"


class LeaseLost(Exception):
    """Another process numbers now."""


@dataclass(frozen=True, slots=True)
class Published:
    """One event with its numbers."""

    position: int
    organization_id: int
    topic: str
    sequence: int
    event: str
    data: dict[str, Any]
    at: datetime


def take_over(*, holder: str, now: datetime | None = None) -> int | None:
    """Become the one who numbers, when nobody is: the token to number under, or None."""
    now = now or timezone.now()
    lease = settings.SIGNALBOX_SEQUENCER_LEASE
    # Nobody's lease ends that late: the clock was set back, and its holder has not renewed it since.
    is_left = Q(until__lt=now) | Q(until__gt=now + MOST_LEASES * lease)
    is_free = Q(until__isnull=True) | is_left | Q(holder=holder)
    seat = Sequencer.objects.filter(pk=1)
    if not seat.filter(is_free).exists() and seat.exists():
        return None  # the usual answer, without a write
    with transaction.atomic():
        _bound_waits()
        Sequencer.objects.get_or_create(pk=1)
        until = now + lease
        won = seat.filter(is_free).update(holder=holder, token=F("token") + 1, until=until)
        return seat.values_list("token", flat=True).get() if won else None


def renew(*, token: int) -> None:
    """Keep the lease while there is nothing to number."""
    with transaction.atomic():
        _bound_waits()
        _hold(token)


def give_up(*, token: int) -> None:
    """Let the next one in at once."""
    Sequencer.objects.filter(pk=1, token=token).update(until=None)


def has_pending() -> bool:
    with unscoped(reason=REASON):
        return OutboxEvent.objects.filter(sequence__isnull=True).exists()


def number_batch(*, token: int) -> list[Published]:
    """Number what is committed and has no number yet, oldest first; at most `BATCH` rows."""
    with unscoped(reason=REASON):
        # Read before the lock: what a predecessor numbered was committed before our token was given, a successor's
        # token makes ours worthless, and reading takes longer than writing, which on SQLite nobody else may meanwhile.
        rows = list(
            OutboxEvent.objects.filter(sequence__isnull=True)
            .order_by("id")
            .values_list("id", "organization_id", "topic", "event", "data", "at")[:BATCH]
        )
        with transaction.atomic():
            _bound_waits()
            _hold(token)
            return _number(rows) if rows else []


def _number(rows: Sequence[tuple[Any, ...]]) -> list[Published]:
    heads = _heads_of({(row[1], row[2]) for row in rows})
    position = Sequencer.objects.values_list("position", flat=True).get(pk=1)
    published = []
    for _, organization_id, topic, event, data, at in rows:
        position += 1
        sequence = heads[organization_id, topic] = heads[organization_id, topic] + 1
        published.append(
            Published(position, organization_id, topic, sequence, event, data, at),
        )
    _write([row[0] for row in rows], published, heads)
    Sequencer.objects.filter(pk=1).update(position=position)
    return published


def _heads_of(channels: set[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """The last number of each channel; only the sequencer ever changes one."""
    known = _read_heads(channels)
    if missing := channels - known.keys():
        TopicHead.objects.bulk_create(
            [TopicHead(organization_id=number, topic=topic) for number, topic in missing],
            ignore_conflicts=True,
        )
        known = _read_heads(channels)
    return known


def _read_heads(channels: set[tuple[int, str]]) -> dict[tuple[int, str], int]:
    rows = TopicHead.objects.filter(
        organization_id__in={number for number, _ in channels},
        topic__in={topic for _, topic in channels},
    ).values_list("organization_id", "topic", "sequence")
    return {(number, topic): sequence for number, topic, sequence in rows}


def _write(
    ids: Sequence[int], published: Sequence[Published], heads: dict[tuple[int, str], int]
) -> None:
    numbered = [(one.sequence, one.position, row) for row, one in zip(ids, published, strict=True)]
    channels = {(one.organization_id, one.topic) for one in published}
    ends = [(heads[channel], *channel) for channel in channels]
    # By hand: bulk_update writes a CASE of a thousand arms, which takes longer to build than this to run.
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE events_outboxevent SET sequence = %s, position = %s WHERE id = %s", numbered
        )
        cursor.executemany(
            "UPDATE events_topichead SET sequence = %s WHERE organization_id = %s AND topic = %s",
            ends,
        )


def _hold(token: int) -> None:
    """Lock the sequencer's row until commit, if it is still ours."""
    until = timezone.now() + settings.SIGNALBOX_SEQUENCER_LEASE
    if not Sequencer.objects.filter(pk=1, token=token).update(until=until):
        raise LeaseLost


def _bound_waits() -> None:
    """A holder frozen within its transaction is cut off by the server; nobody waits long for its lock."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_PATIENCE}'")
            cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_PATIENCE}'")
