"""Taking work out: claims under a lease, fair between organisations, fenced against workers that come back late.

An organisation found empty is not believed empty at once. Whoever submits reads its turn and, seeing a look already
due, leaves the row alone; their job may be uncommitted when that look comes. So `next_at` goes to null (from then on
every submitter touches it), and looks go on for as long as a transaction that read it before may take.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from apps.core.tenancy import unscoped
from apps.jobs import topics
from apps.jobs.domain.states import State
from apps.jobs.models import Job, Turn
from apps.jobs.services import doorbell, families, queue, tallies

LEASE = timedelta(seconds=30)
LOOK_AGAIN = timedelta(seconds=1)
LONGEST_TRANSACTION = timedelta(seconds=30)
SWEPT_ROWS = 500
REASON = "a worker serves every organization"


def claim(
    *,
    worker: str,
    count: int,
    lease: timedelta = LEASE,
    without: Collection[int] = (),
    priorities: Collection[int] = (),
    now: datetime | None = None,
) -> list[Job]:
    """Up to `count` jobs, now running under this worker's lease; the least recently served organisations first.

    `without` names organisations to pass over, `priorities` the only ones to take.
    """
    moment = now or timezone.now()
    with unscoped(reason=REASON):
        if not _waiting_turns(moment, without).exists():
            return []  # a look that finds nothing opens no transaction for writing
        with transaction.atomic():
            claimed = _choose(moment, count, set(without), priorities)
            _take(claimed, worker, moment, lease)
            queue.publish((topics.JOB_STARTED, job) for job in claimed)
    return claimed


def is_waiting(priority: int) -> bool:
    """Whether any organisation has a job of this priority that is due."""
    with unscoped(reason=REASON):
        queued = Job.objects.filter(state="queued", priority=priority, run_at__lte=timezone.now())
        return queued.exists()


def extend(jobs: Collection[Job], *, lease: timedelta = LEASE) -> set[int]:
    """Heartbeat: move the leases on. Answers the primary keys still ours; the rest were fenced off."""
    with unscoped(reason=REASON), transaction.atomic():
        kept = ours_of(jobs)
        Job.objects.filter(pk__in=kept).update(lease_until=timezone.now() + lease)
    return kept


def ours_of(jobs: Iterable[Job]) -> set[int]:
    """Of these claims, the primary keys of those that still hold; their rows are locked until the transaction ends.

    Youngest first, as everywhere here: so children are locked before their parents, and nobody waits in a circle.
    """
    claims = {job.pk: job.claim for job in jobs}
    rows = Job.objects.filter(pk__in=list(claims), state=State.RUNNING).order_by("-pk")
    if connection.features.has_select_for_update:
        rows = rows.select_for_update(of=("self",))
    return {pk for pk, number in rows.values_list("pk", "claim") if claims[pk] == number}


def give_back(jobs: Collection[Job], *, is_begun: bool = True) -> int:
    """Queue again what this worker will not finish; an attempt that was not even begun counts for none."""
    if not jobs:
        return 0
    moment = timezone.now()
    with unscoped(reason=REASON), transaction.atomic():
        kept = ours_of(jobs)
        rows = [job for job in jobs if job.pk in kept]
        for job in rows:
            job.attempts -= 0 if is_begun else 1
            _requeue(job, moment)
        _after_requeue(rows, moment)
    return len(rows)


def reclaim_lost(*, now: datetime | None = None) -> int:
    """End or queue again what runs under a lease that has run out: its worker died, or sleeps and is fenced off."""
    moment = now or timezone.now()
    return _reclaim(Job.objects.filter(lease_until__lt=moment), moment)


def reclaim_of(worker: str) -> int:
    """The same at once for a worker known to be dead."""
    return _reclaim(Job.objects.filter(worker=worker), timezone.now())


def _reclaim(held: QuerySet[Job], moment: datetime) -> int:
    with unscoped(reason="the sweeper serves every organization"):
        held = held.filter(state=State.RUNNING, is_waiting=False, lease_until__isnull=False)
        if not held.exists():
            return 0
        with transaction.atomic():
            lost = list(_locking(held.order_by("-pk"))[:SWEPT_ROWS])
            for job in lost:
                _lose(job, moment)
            _after_requeue(lost, moment)
            families.settle_parents(lost)
    return len(lost)


def _lose(job: Job, moment: datetime) -> None:
    job.losses += 1
    tallies.note_lost(job)
    if job.cancel_requested_at is not None:
        _end(job, State.CANCELLED, moment)
    elif job.attempts >= job.max_attempts:
        job.error = {
            "code": "worker_lost",
            "message": f"The process that ran it died, {job.losses} times in {job.attempts} attempts.",
        }
        _end(job, State.FAILED, moment)
    else:
        _requeue(job, moment)


def _end(job: Job, state: State, moment: datetime) -> None:
    job.state, job.finished_at = state, max(moment, job.started_at or moment)
    _release(job)


def _requeue(job: Job, moment: datetime) -> None:
    job.state, job.run_at = State.QUEUED, moment
    _release(job)


def _release(job: Job) -> None:
    """Take it out of its holder's hands; the row is locked, so the next claim number is ours to give."""
    job.claim += 1
    job.lease_until = None
    job.save(
        update_fields=[
            "state",
            "finished_at",
            "error",
            "run_at",
            "attempts",
            "losses",
            "claim",
            "lease_until",
        ]
    )


TOPICS_OF_END = {
    State.QUEUED: topics.JOB_RETRIED,
    State.FAILED: topics.JOB_FAILED,
    State.CANCELLED: topics.JOB_CANCELLED,
}


def _after_requeue(jobs: list[Job], moment: datetime) -> None:
    waiting = [job for job in jobs if job.state == State.QUEUED]
    for number in sorted({job.organization_id for job in waiting}):
        queue.wake_turn(number, moment)
    if waiting:
        doorbell.ring_on_commit(waiting)
    queue.publish((TOPICS_OF_END[State(job.state)], job) for job in jobs)


def _choose(moment: datetime, count: int, seen: set[int], priorities: Collection[int]) -> list[Job]:
    chosen: list[Job] = []
    while len(chosen) < count:
        busy: list[int] = []
        rows = _waiting_turns(moment, seen).order_by("served_at")
        turns = list(_locking(rows)[: count - len(chosen)])
        if not turns:
            break
        for turns_left, turn in zip(range(len(turns), 0, -1), turns, strict=True):
            # What one organisation leaves of its share goes to those after it.
            share = max(1, (count - len(chosen)) // turns_left)
            taken = [job.pk for job in chosen]
            found = list(_next_jobs(turn, moment, priorities, taken)[: share + 1])
            chosen += found[:share]
            # One job more than its share was looked for.
            if len(found) > share:
                busy.append(turn.pk)
            else:
                _settle_turn(turn, found, taken, moment)
                seen.add(turn.organization_id)
        Turn.objects.filter(pk__in=busy).update(served_at=moment, next_at=moment)
    return chosen


def _waiting_turns(moment: datetime, without: Collection[int]) -> QuerySet[Turn]:
    due = Turn.objects.filter(Q(next_at__lte=moment) | Q(look_at__lte=moment))
    return due.exclude(organization_id__in=list(without)) if without else due


def _next_jobs(
    turn: Turn, moment: datetime, priorities: Collection[int], taken: list[int]
) -> QuerySet[Job]:
    queued = _queued_of(turn).filter(run_at__lte=moment).exclude(pk__in=taken)
    if priorities:
        queued = queued.filter(priority__in=list(priorities))
    return _locking(queued.order_by("priority", "run_at", "id"))


def _queued_of(turn: Turn) -> QuerySet[Job]:
    return Job.objects.filter(organization_id=turn.organization_id, state="queued")


def _locking(rows: QuerySet[Any]) -> QuerySet[Any]:
    if connection.features.has_select_for_update_skip_locked:
        return rows.select_for_update(skip_locked=True, of=("self",))
    return rows


def _take(jobs: list[Job], worker: str, moment: datetime, lease: timedelta) -> None:
    if not jobs:
        return
    taken: dict[str, Any] = {
        "state": State.RUNNING,
        "worker": worker,
        "lease_until": moment + lease,
        "started_at": moment,
        "progress": 0.0,
        "message": "",
        "steps": [],
        "error": None,
    }
    rows = Job.objects.filter(pk__in=[job.pk for job in jobs])
    rows.update(claim=F("claim") + 1, attempts=F("attempts") + 1, **taken)
    for job in jobs:
        job.claim += 1
        job.attempts += 1
        for name, value in taken.items():
            setattr(job, name, value)


def _settle_turn(turn: Turn, found: list[Job], taken: list[int], moment: datetime) -> None:
    """Say when to look again at an organisation of which nothing more is due."""
    if found:
        turn.served_at = moment
    rest = _queued_of(turn).exclude(pk__in=[*taken, *(job.pk for job in found)])
    earliest = rest.order_by("run_at").values_list("run_at", flat=True).first()
    _believe_empty(turn, earliest, moment)
    turn.save(update_fields=["served_at", "next_at", "look_at", "looks_until"])


def _believe_empty(turn: Turn, earliest: datetime | None, moment: datetime) -> None:
    """Nothing is due any more. Was a submitter able to rely on this look, others follow it."""
    if turn.next_at is not None and turn.next_at <= moment:
        turn.looks_until = moment + LONGEST_TRANSACTION
    turn.next_at = earliest
    if turn.looks_until is not None and turn.looks_until > moment:
        turn.look_at = moment + LOOK_AGAIN
    else:
        turn.look_at = turn.looks_until = None
