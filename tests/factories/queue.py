"""Jobs put in and taken out as the house does it; rows in any other state are made in `jobs.py`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from apps.core.actor import Actor
from apps.core.tenancy import organization_scope, unscoped
from apps.jobs.domain.priorities import Priority
from apps.jobs.models import Job, Turn
from apps.jobs.services import claims, queue
from apps.jobs.tasks import DEMO_SLEEP, SleepPayload
from apps.tenants.models import Organization


def make_job(
    organization: Organization,
    *,
    actor: Actor | None = None,
    priority: Priority = Priority.NORMAL,
    run_at: datetime | None = None,
    parent: Job | None = None,
    key: str = "",
    **payload: Any,
) -> Job:
    """A queued `demo.sleep`."""
    return queue.enqueue(
        DEMO_SLEEP,
        SleepPayload(**{"seconds": 0.0, **payload}),
        organization_id=organization.pk,
        actor=actor,
        priority=priority,
        run_at=run_at,
        parent=parent,
        key=key,
    )


def claim_jobs(count: int = 10, *, worker: str = "w1", **values: Any) -> list[Job]:
    """Claimed a moment later than now: whatever was just queued is due."""
    values.setdefault("now", timezone.now() + timedelta(milliseconds=5))
    return claims.claim(worker=worker, count=count, **values)


def fresh(job: Job) -> Job:
    with unscoped(reason="a test looks"):
        return Job.objects.get(pk=job.pk)


def turn_of(organization: Organization) -> Turn:
    with organization_scope(organization.pk):
        return Turn.objects.get()
