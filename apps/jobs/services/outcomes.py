"""What became of attempts: completed, failed, to be tried again, cancelled; and progress on the way.

Every write is made under the claim it was run by, so a worker that lost its lease writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.core import rows
from apps.core.tenancy import unscoped
from apps.jobs import topics
from apps.jobs.domain.kinds import kind_named
from apps.jobs.domain.states import State
from apps.jobs.models import Job
from apps.jobs.services import claims, doorbell, families, queue

MAX_PAUSE = timedelta(hours=1)
END_COLUMNS = (
    "state",
    "is_waiting",
    "result",
    "error",
    "progress",
    "message",
    "steps",
    "losses",
    "run_at",
    "finished_at",
    "lease_until",
)
PROGRESS_COLUMNS = ("progress", "message", "steps")
CLAIM = ("id", "claim")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt's end. `error` None: it succeeded. `is_final`: no further attempt, however many are left."""

    job: Job
    result: Any = None
    error: dict[str, str] | None = None
    is_final: bool = False
    is_cancelled: bool = False
    is_lost: bool = False
    """Its child process died under it."""


def settle(outcomes: Sequence[Outcome]) -> int:
    """Write the ends of many attempts in one transaction; answers how many were still ours to end."""
    if not outcomes:
        return 0
    now = timezone.now()
    with unscoped(reason=claims.REASON), transaction.atomic():
        kept = claims.ours_of(outcome.job for outcome in outcomes)
        ours = [outcome for outcome in outcomes if outcome.job.pk in kept]
        parents = families.parents_with_work_left(kept)
        news = [(_decide(outcome, now, parents), outcome.job) for outcome in ours]
        jobs = [job for _, job in news]
        # The rows are locked as ours, and the statement names their claim all the same.
        rows.update(jobs, END_COLUMNS, where=CLAIM)
        _wake_retries(jobs)
        queue.publish(news)
        families.settle_parents(jobs)
    return len(ours)


def note_progress(jobs: Collection[Job]) -> set[int]:
    """Keep the progress that handlers reported; answers the primary keys of the jobs that are still ours."""
    with unscoped(reason=claims.REASON), transaction.atomic():
        kept = claims.ours_of(jobs)
        ours = [job for job in jobs if job.pk in kept]
        rows.update(ours, PROGRESS_COLUMNS, where=CLAIM)
        queue.publish((topics.JOB_PROGRESSED, job) for job in ours)
        families.settle_parents(ours)
    return kept


def _decide(outcome: Outcome, now: datetime, parents: set[int]) -> str:
    """Set the job's columns for its end; answers the fact to announce."""
    job = outcome.job
    # A clock that was set back meanwhile makes no job that ended before it began.
    job.finished_at = max(now, job.started_at or now)
    job.lease_until, job.is_waiting = None, False
    job.losses += outcome.is_lost
    job.steps = [
        step if step.get("ended_at") else {**step, "ended_at": now.isoformat()}
        for step in job.steps
    ]
    if outcome.is_cancelled:
        job.state = State.CANCELLED
        return topics.JOB_CANCELLED
    job.error = outcome.error
    if outcome.error is None:
        return _complete(job, outcome.result, has_children_left=job.pk in parents)
    if outcome.is_final or job.attempts >= job.max_attempts:
        job.state = State.FAILED
        return topics.JOB_FAILED
    job.state, job.finished_at = State.QUEUED, None
    job.run_at = now + _pause(job)
    return topics.JOB_RETRIED


def _complete(job: Job, result: Any, *, has_children_left: bool) -> str:
    job.result = result
    if has_children_left:
        job.state, job.is_waiting, job.finished_at = State.RUNNING, True, None
        return topics.JOB_PROGRESSED
    job.state, job.progress = State.COMPLETED, 100.0
    return topics.JOB_COMPLETED


def _pause(job: Job) -> timedelta:
    kind = kind_named(job.kind)
    first = kind.retry_pause if kind else 5.0
    return min(timedelta(seconds=first * 2 ** min(job.attempts - 1, 20)), MAX_PAUSE)


def _wake_retries(jobs: list[Job]) -> None:
    again = [job for job in jobs if job.state == State.QUEUED]
    for number in sorted({job.organization_id for job in again}):
        earliest = min(job.run_at for job in again if job.organization_id == number)
        queue.wake_turn(number, earliest)
    if again:
        doorbell.ring_on_commit(again)
