"""Counts of what became of jobs, for `/metrics` of any process: kept in memory where it happens, added up in the database.

A worker may be another process, on another machine, or Celery's; the server that is asked need not know any of them.
Counts are written every few seconds and not with each job, so a process that is killed takes some seconds' along.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

from django.db import connection, transaction

from apps.core.tenancy import unscoped
from apps.jobs import topics
from apps.jobs.domain.states import State
from apps.jobs.domain.tallies import BUCKETS, LOST, RETRIED, bucket_of
from apps.jobs.models import Job, Tally, Turn

FLUSH_SECONDS = 5.0
REASON = "one count serves every organization"
OUTCOMES = {
    topics.JOB_COMPLETED: State.COMPLETED.value,
    topics.JOB_FAILED: State.FAILED.value,
    topics.JOB_CANCELLED: State.CANCELLED.value,
    topics.JOB_RETRIED: RETRIED,
}

Key = tuple[int, str, str]
"""Organisation, kind, outcome."""


@dataclass(slots=True)
class _Count:
    count: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))


_lock = Lock()
_pending: defaultdict[Key, _Count] = defaultdict(_Count)
_flushed_at = float("-inf")


def note_on_commit(news: Iterable[tuple[str, Job]]) -> None:
    """Count the ends and retries among these once they are committed."""
    ends = [
        ((job.organization_id, job.kind, OUTCOMES[topic]), _seconds(job))
        for topic, job in news
        if topic in OUTCOMES
    ]
    if ends:
        transaction.on_commit(lambda: _add(ends))


def note_lost(job: Job) -> None:
    """A lease ran out, or its holder is known to be dead."""
    key = (job.organization_id, job.kind, LOST)
    transaction.on_commit(lambda: _add([(key, None)]))


def flush_now_and_then() -> None:
    """`flush`, every few seconds however often it is called."""
    if monotonic() - _flushed_at >= FLUSH_SECONDS:
        flush()


def flush() -> int:
    """Write what was counted here since the last time; how many rows."""
    global _pending, _flushed_at
    _flushed_at = monotonic()
    with _lock:
        taken, _pending = _pending, defaultdict(_Count)
    if not taken:
        return 0
    try:
        _write(taken)
    except BaseException:
        with _lock:
            for key, count in taken.items():
                _sum(_pending[key], count)
        raise
    return len(taken)


def forget() -> None:
    """Begin as a new process does."""
    with _lock:
        _pending.clear()


def _seconds(job: Job) -> float | None:
    if job.started_at is None or job.finished_at is None:
        return None
    return max((job.finished_at - job.started_at).total_seconds(), 0.0)


def _add(ends: list[tuple[Key, float | None]]) -> None:
    with _lock:
        for key, seconds in ends:
            count = _pending[key]
            count.count += 1
            if seconds is not None:
                count.seconds += seconds
                count.buckets[bucket_of(seconds)] += 1


def _write(taken: dict[Key, _Count]) -> None:
    with unscoped(reason=REASON), transaction.atomic():
        # Who ever had a job has a turn; an organisation that is gone since must not keep the others' counts away.
        turns = Turn.objects.filter(organization_id__in={key[0] for key in taken})
        numbers = set(turns.values_list("organization_id", flat=True))
        Tally.objects.bulk_create(
            [
                Tally(organization_id=number, kind=kind, outcome=outcome, buckets=_Count().buckets)
                for number, kind, outcome in sorted(taken)
                if number in numbers
            ],
            ignore_conflicts=True,
        )
        rows = Tally.objects.filter(organization_id__in=numbers)
        if connection.features.has_select_for_update:
            rows = rows.select_for_update(of=("self",))
        known = [row for row in rows.order_by("pk") if _key(row) in taken]
        for row in known:
            _sum(row, taken[_key(row)])
        Tally.objects.bulk_update(known, ["count", "seconds", "buckets"], batch_size=200)


def _key(row: Tally) -> Key:
    return (row.organization_id, row.kind, row.outcome)


def _sum(into: _Count | Tally, more: _Count) -> None:
    into.count += more.count
    into.seconds += more.seconds
    into.buckets = [a + b for a, b in zip(into.buckets, more.buckets, strict=True)]
