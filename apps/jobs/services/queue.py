"""Putting work in: one row, in the transaction of whoever asks for it.

There is no moment between "committed" and "a worker knows" in which a job could vanish: the row is the queue.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from pydantic import BaseModel

from apps.core import bus
from apps.core.actor import Actor
from apps.jobs import topics
from apps.jobs.domain.kinds import Kind
from apps.jobs.domain.priorities import Priority
from apps.jobs.models import UNFINISHED, Job, Turn
from apps.jobs.services import doorbell

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
) -> Job:
    """Queue one job. A kind with a dedupe rule answers the unfinished job of the same name instead of a second one."""
    job = Job(
        organization_id=organization_id,
        kind=kind.name,
        payload=payload.model_dump(mode="json"),
        priority=priority,
        max_attempts=kind.max_attempts,
        run_at=run_at or timezone.now(),
        parent=parent,
        callback_url=callback_url,
        dedupe_key=kind.dedupe(payload)[:200] if kind.dedupe else "",
        creator=actor.principal if actor else "",
        creator_name=actor.identity.name if actor else "",
        request_id=actor.request_id if actor else "",
    )
    with transaction.atomic():
        standing = _save_or_find(job)
        if standing is not None:
            return standing
        wake_turn(job.organization_id, job.run_at)
        publish(topics.JOB_QUEUED, job, actor)
        transaction.on_commit(doorbell.ring)
    return job


def wake_turn(organization_id: int, run_at: datetime) -> None:
    """See that workers look at this organisation by `run_at`. Touches the row only when it must."""
    turns = Turn.objects.filter(organization_id=organization_id)
    if turns.filter(Q(next_at=None) | Q(next_at__gt=run_at)).update(next_at=run_at):
        return
    if not turns.exists():
        Turn.objects.get_or_create(organization_id=organization_id, defaults={"next_at": run_at})


def publish(
    topic: str, job: Job, actor: Actor | None = None, data: Mapping[str, Any] | None = None
) -> None:
    bus.publish(
        bus.Fact(
            topic,
            organization_id=job.organization_id,
            actor=actor,
            object_id=job.public_id,
            object_name=job.kind,
            data={**live_values(job), **(data or {})},
        )
    )


def live_values(job: Job) -> dict[str, Any]:
    """What followers of a job are told."""
    return {
        "job_id": job.public_id,
        "kind": job.kind,
        "status": job.state,
        "progress": job.progress,
        "message": job.message,
        "attempt": job.attempts,
    }


def _save_or_find(job: Job) -> Job | None:
    """Save the job, or answer the unfinished one that stands under its dedupe key."""
    if not job.dedupe_key:
        job.save()
        return None
    try:
        with transaction.atomic():
            job.save()
    except IntegrityError:
        standing = Job.objects.filter(
            organization_id=job.organization_id,
            kind=job.kind,
            dedupe_key=job.dedupe_key,
            state__in=UNFINISHED,
        ).first()
        if standing is None:  # it finished in between
            return _save_or_find(job)
        return standing
    return None
