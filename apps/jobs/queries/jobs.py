"""Reading jobs: what an actor may see, and the bare state that anybody may who knows the id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet
from django.utils import timezone

from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.core.permissions import require
from apps.core.tenancy import unscoped
from apps.jobs.domain.estimates import estimate_end
from apps.jobs.domain.states import State
from apps.jobs.models import Job
from apps.jobs.permissions import JobPermission

_JOB_ID = re.compile(r"job_[0-9a-f]{32}").fullmatch


def list_jobs(*, actor: Actor) -> QuerySet[Job]:
    """The organisation's jobs; the house's own work is among them."""
    require(actor, JobPermission.VIEW)
    return Job.objects.select_related("parent")


def get_job(*, actor: Actor, job_id: str) -> Job:
    """One job of the organisation, or `NotFound`."""
    require(actor, JobPermission.VIEW)
    return job_by_id(job_id)


def job_by_id(job_id: str) -> Job:
    """The job by its public id within the organisation in scope, or `NotFound`."""
    try:
        return Job.objects.select_related("parent").get(public_id=job_id)
    except Job.DoesNotExist:
        raise NotFound from None


def callback_urls(*, job_ids: Sequence[str]) -> dict[tuple[int, str], str]:
    """Where those among these jobs that asked for it are to be answered, by organization and job."""
    well_formed = [job_id for job_id in job_ids if _JOB_ID(job_id)]
    if not well_formed:
        return {}
    rows = Job.objects.filter(public_id__in=well_formed).exclude(callback_url="")
    found = rows.values_list("organization_id", "public_id", "callback_url")
    return {(number, job_id): url for number, job_id, url in found}


def count_children(*, job: Job) -> dict[str, int]:
    """How many children there are in each state."""
    rows = job.children.order_by().values("state").annotate(count=Count("pk"))
    return {row["state"]: row["count"] for row in rows}


def estimated_end(job: Job, *, now: datetime | None = None) -> datetime | None:
    """When a running job may end, judged by its progress so far."""
    if job.state != State.RUNNING or job.started_at is None:
        return None
    return estimate_end(progress=job.progress, started_at=job.started_at, now=now or timezone.now())


@dataclass(frozen=True, slots=True)
class BareState:
    """What the 128 random bits of a job's id are enough to be told."""

    job_id: str
    status: str
    progress: float
    organization_id: int


def bare_state(*, job_id: str) -> BareState:
    """The state alone, for whoever knows the id; `NotFound` otherwise."""
    with unscoped(reason="the id itself is what a CI job without a key was given"):
        row = (
            Job.objects.filter(public_id=job_id)
            .values_list("public_id", "state", "progress", "organization_id")
            .first()
        )
    if row is None:
        raise NotFound
    return BareState(*row)
