"""Taking work out: claims under a lease, fair between organisations, fenced against workers that come back late."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Min, QuerySet
from django.utils import timezone

from apps.core.tenancy import unscoped
from apps.jobs import topics
from apps.jobs.domain.states import State
from apps.jobs.models import Job, Turn
from apps.jobs.services import queue

LEASE = timedelta(seconds=30)
EMPTY_RECHECK = timedelta(seconds=1)
EMPTY_FOR = timedelta(seconds=10)
"""Submitting takes no longer than this, so an organisation found empty for so long has no job about to appear."""


def claim(
    *, worker: str, count: int, lease: timedelta = LEASE, now: datetime | None = None
) -> list[Job]:
    """Up to `count` jobs, now running under this worker's lease: one organisation after the other, the least recently served first."""
    moment = now or timezone.now()
    claimed: list[Job] = []
    with unscoped(reason="a worker serves every organisation"), transaction.atomic():
        turns = list(_waiting_turns(moment)[:count])
        share = max(1, count // len(turns)) if turns else 0
        for turn in turns:
            found = list(_next_jobs(turn, moment)[:share])
            _settle_turn(turn, found, moment)
            claimed += found
        for job in claimed:
            _take(job, worker, moment, lease)
        Job.objects.bulk_update(
            claimed,
            [
                "state",
                "claim",
                "attempts",
                "worker",
                "lease_until",
                "started_at",
                "progress",
                "message",
            ],
        )
        for job in claimed:
            queue.publish(topics.JOB_STARTED, job)
    return claimed


def extend(jobs: list[Job], *, lease: timedelta = LEASE) -> set[int]:
    """Heartbeat: move the leases on. Answers the primary keys still ours; the rest were fenced off."""
    until = timezone.now() + lease
    with unscoped(reason="a worker serves every organisation"):
        return {
            job.pk
            for job in jobs
            if Job.objects.filter(pk=job.pk, claim=job.claim, state=State.RUNNING).update(
                lease_until=until
            )
        }


def reclaim_lost(*, now: datetime | None = None) -> int:
    """Queue again what dead workers left behind, or fail it when its attempts are used up."""
    moment = now or timezone.now()
    with unscoped(reason="the sweeper serves every organisation"), transaction.atomic():
        lost = list(_locking(Job.objects.filter(state=State.RUNNING, lease_until__lt=moment))[:500])
        for job in lost:
            _give_back(job, moment)
    return len(lost)


def _waiting_turns(moment: datetime) -> QuerySet[Turn]:
    return _locking(Turn.objects.filter(next_at__lte=moment).order_by("served_at"))


def _next_jobs(turn: Turn, moment: datetime) -> QuerySet[Job]:
    queued = Job.objects.filter(
        organization_id=turn.organization_id, state=State.QUEUED, run_at__lte=moment
    )
    return _locking(queued.order_by("priority", "run_at", "id"))


def _locking(rows: QuerySet[Any]) -> QuerySet[Any]:
    if connection.features.has_select_for_update_skip_locked:
        return rows.select_for_update(skip_locked=True, of=("self",))
    return rows


def _take(job: Job, worker: str, moment: datetime, lease: timedelta) -> None:
    job.state = State.RUNNING
    job.claim += 1
    job.attempts += 1
    job.worker = worker
    job.lease_until = moment + lease
    job.started_at = moment
    job.progress, job.message = 0.0, ""


def _settle_turn(turn: Turn, found: list[Job], moment: datetime) -> None:
    """Say when to look at this organisation next. See EMPTY_FOR for why empty is not believed at once."""
    taken = [job.pk for job in found]
    rest = Job.objects.filter(organization_id=turn.organization_id, state=State.QUEUED).exclude(
        pk__in=taken
    )
    earliest = rest.aggregate(at=Min("run_at"))["at"]
    if found:
        turn.served_at = moment
    if earliest is not None:
        turn.next_at = earliest
    elif moment - turn.served_at < EMPTY_FOR:
        turn.next_at = moment + EMPTY_RECHECK
    else:
        turn.next_at = None
    turn.save(update_fields=["served_at", "next_at"])


def _give_back(job: Job, moment: datetime) -> None:
    if job.attempts >= job.max_attempts:
        job.state = State.FAILED
        job.finished_at = moment
        job.error = {"code": "worker_lost", "message": f"Its worker died {job.attempts} times."}
        topic = topics.JOB_FAILED
    else:
        job.state = State.QUEUED
        job.run_at = moment
        topic = topics.JOB_RETRIED
    job.claim = F("claim") + 1  # whoever still runs it may no longer write
    job.lease_until = None
    job.save(update_fields=["state", "finished_at", "error", "run_at", "claim", "lease_until"])
    job.refresh_from_db(fields=["claim"])
    queue.wake_turn(job.organization_id, moment)
    queue.publish(topic, job)
