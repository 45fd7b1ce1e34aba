"""What became of jobs: completed, failed, to be tried again, cancelled; and progress on the way.

Every write names the claim it was made under, so a worker that lost its lease writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.core.tenancy import unscoped
from apps.jobs import topics
from apps.jobs.domain.kinds import kind_named
from apps.jobs.domain.states import State
from apps.jobs.models import Job
from apps.jobs.services import queue

MAX_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt's end. `error` None: it succeeded. `is_final`: no further attempt, however many are left."""

    job: Job
    result: Any = None
    error: dict[str, str] | None = None
    is_final: bool = False
    is_cancelled: bool = False


def settle(outcomes: list[Outcome]) -> int:
    """Write the ends of many attempts in one transaction; answers how many were still ours to end."""
    now, settled = timezone.now(), 0
    with unscoped(reason="a worker serves every organisation"), transaction.atomic():
        for outcome in outcomes:
            topic = _decide(outcome, now)
            if _write(outcome.job):
                settled += 1
                queue.publish(topic, outcome.job, data=_details(outcome.job))
                if outcome.job.state == State.QUEUED:
                    queue.wake_turn(outcome.job.organization_id, outcome.job.run_at)
    return settled


def note_progress(job: Job) -> bool:
    """Keep the progress a handler reported; whether the job is still ours."""
    with unscoped(reason="a worker serves every organisation"), transaction.atomic():
        kept = _ours(job).update(progress=job.progress, message=job.message, steps=job.steps)
        if kept:
            queue.publish(topics.JOB_PROGRESSED, job)
    return bool(kept)


def _decide(outcome: Outcome, now: datetime) -> str:
    """Set the job's columns for its end; answers the fact to announce."""
    job = outcome.job
    job.finished_at, job.lease_until = now, None
    job.steps = [
        step if step.get("ended_at") else {**step, "ended_at": now.isoformat()}
        for step in job.steps
    ]
    if outcome.is_cancelled:
        job.state = State.CANCELLED
        return topics.JOB_CANCELLED
    if outcome.error is None:
        job.state, job.result, job.error, job.progress = (
            State.COMPLETED,
            outcome.result,
            None,
            100.0,
        )
        return topics.JOB_COMPLETED
    job.error = outcome.error
    if outcome.is_final or job.attempts >= job.max_attempts:
        job.state = State.FAILED
        return topics.JOB_FAILED
    job.state, job.finished_at = State.QUEUED, None
    job.run_at = now + _pause(job)
    return topics.JOB_RETRIED


def _pause(job: Job) -> timedelta:
    kind = kind_named(job.kind)
    first = kind.retry_pause if kind else 5.0
    return min(timedelta(seconds=first * 2 ** (job.attempts - 1)), MAX_PAUSE)


def _write(job: Job) -> int:
    return _ours(job).update(
        state=job.state,
        result=job.result,
        error=job.error,
        progress=job.progress,
        steps=job.steps,
        run_at=job.run_at,
        finished_at=job.finished_at,
        lease_until=None,
    )


def _ours(job: Job) -> Any:
    return Job.objects.filter(pk=job.pk, claim=job.claim, state=State.RUNNING)


def _details(job: Job) -> dict[str, Any]:
    return {"result": job.result, "error": job.error}
