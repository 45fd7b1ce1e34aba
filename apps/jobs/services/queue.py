"""Putting work in: one row, in the transaction of whoever asks for it.

There is no moment between "committed" and "a worker knows" in which a job could vanish: the row is the queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from pydantic import BaseModel

from apps.core import bus, rows
from apps.core.actor import Actor
from apps.core.tenancy import organization_scope
from apps.jobs import topics
from apps.jobs.domain.kinds import Kind
from apps.jobs.domain.positions import position
from apps.jobs.domain.priorities import Priority
from apps.jobs.domain.states import State
from apps.jobs.models import UNFINISHED, Job, Turn
from apps.jobs.services import authority, doorbell, tallies

P = TypeVar("P", bound=BaseModel)


def enqueue(
    kind: Kind[P],
    payload: P,
    *,
    organization_id: int,
    actor: Actor | None = None,
    priority: Priority = Priority.NORMAL,
    run_at: datetime | None = None,
    parent: Job | None = None,
    callback_url: str = "",
    key: str = "",
) -> Job:
    """Queue one job. Under a key, or a kind's dedupe rule, the unfinished job of that name is answered instead of a second."""
    job = build(
        kind,
        payload,
        organization_id=organization_id,
        actor=actor,
        priority=priority,
        run_at=run_at,
        parent=parent,
        callback_url=callback_url,
        key=key,
    )
    with organization_scope(organization_id), transaction.atomic():
        standing = save_or_find(job)
        if standing is not None:
            return standing
        announce_queued([job], actor)
    return job


def build(
    kind: Kind[P],
    payload: P,
    *,
    organization_id: int,
    actor: Actor | None = None,
    priority: Priority = Priority.NORMAL,
    run_at: datetime | None = None,
    parent: Job | None = None,
    callback_url: str = "",
    key: str = "",
) -> Job:
    """The row, not yet saved."""
    now = timezone.now()
    return Job(
        organization_id=organization_id,
        kind=kind.name,
        state=State.RUNNING if kind.is_group else State.QUEUED,
        is_waiting=kind.is_group,
        started_at=now if kind.is_group else None,
        payload=payload.model_dump(mode="json"),
        priority=priority,
        max_attempts=kind.max_attempts,
        created_at=now,
        run_at=run_at or now,
        parent=parent,
        callback_url=callback_url,
        dedupe_key=key or (kind.dedupe(payload)[:200] if kind.dedupe else ""),
        creator=actor.principal if actor else "",
        creator_name=actor.identity.name[:255] if actor else "",
        authority=authority.snapshot(actor),
        request_id=actor.request_id if actor else "",
    )


def enqueue_each(jobs: Sequence[tuple[Job, Actor]]) -> None:
    """Save new jobs of any organisations, none of them under a key, within the caller's transaction. Sets no keys."""
    new = [job for job, _ in jobs]
    if not new:
        return
    rows.insert(new)
    for number in sorted({job.organization_id for job in new}):
        wake_turn(number, min(job.run_at for job in new if job.organization_id == number))
    doorbell.ring_on_commit(new)
    bus.publish_all([fact_of(topics.JOB_QUEUED, job, actor) for job, actor in jobs])


def announce_queued(jobs: list[Job], actor: Actor | None) -> None:
    """What follows the saving of new jobs of one organisation, in the same transaction."""
    waiting = [job for job in jobs if job.state == State.QUEUED]
    if waiting:
        wake_turn(waiting[0].organization_id, min(job.run_at for job in waiting))
        doorbell.ring_on_commit(waiting)
    publish([(topics.JOB_QUEUED, job) for job in jobs], actor)


def wake_turn(organization_id: int, run_at: datetime) -> None:
    """See that workers look at this organisation by `run_at`. Touches the row only when it must."""
    with organization_scope(organization_id):
        turns = Turn.objects.filter(organization_id=organization_id)
        if turns.filter(Q(next_at=None) | Q(next_at__gt=run_at)).update(next_at=run_at):
            return
        if not turns.exists():
            _, is_new = Turn.objects.get_or_create(
                organization_id=organization_id, defaults={"next_at": run_at}
            )
            if not is_new:  # somebody made it in between, with their own time
                turns.filter(Q(next_at=None) | Q(next_at__gt=run_at)).update(next_at=run_at)


def publish(news: Iterable[tuple[str, Job]], actor: Actor | None = None) -> None:
    """Announce what became of jobs. Only what a person or program asked for is a deed for the audit trail."""
    told = list(news)
    bus.publish_all([fact_of(topic, job, actor) for topic, job in told])
    tallies.note_on_commit(told)


def fact_of(topic: str, job: Job, actor: Actor | None) -> bus.Fact:
    return bus.Fact(
        topic,
        organization_id=job.organization_id,
        actor=actor,
        object_id=job.public_id,
        object_name=job.kind,
        data=live_values(job),
        is_audited=actor is not None,
    )


def live_values(job: Job) -> dict[str, Any]:
    """What followers of a job are told."""
    values: dict[str, Any] = {
        "job_id": job.public_id,
        "kind": job.kind,
        "status": str(job.state),
        "progress": job.progress,
        "message": job.message,
        "attempt": job.attempts,
        "steps": job.steps,
        "started_at": job.started_at.isoformat() if job.started_at else None,
        "seq": position(
            claim=job.claim, state=job.state, progress=job.progress, steps=len(job.steps)
        ),
    }
    return values | _end_of(job)


def _end_of(job: Job) -> dict[str, Any]:
    if job.error is not None:
        return {"error": job.error}
    return {"result": job.result} if job.state == State.COMPLETED else {}


def save_or_find(job: Job) -> Job | None:
    """Save the job, or answer the unfinished one that stands under its dedupe key."""
    if not job.dedupe_key:
        job.save(force_insert=True)
        return None
    same = Job.objects.filter(
        organization_id=job.organization_id,
        kind=job.kind,
        dedupe_key=job.dedupe_key,
        state__in=UNFINISHED,
    )
    for tries_left in (3, 2, 1, 0):
        try:
            with transaction.atomic():
                job.save(force_insert=True)
            return None
        except IntegrityError:
            standing = same.first()
            if standing is not None:
                return standing
            if not tries_left:
                raise  # else it ended in between: there is room now
    return None
