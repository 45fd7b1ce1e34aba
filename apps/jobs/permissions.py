"""What may be done with jobs, and which roles may."""

from __future__ import annotations

from typing import Any

from apps.core.actor import Actor
from apps.core.permissions import ADMINS, CALLERS, EVERYONE, Permission, grant


class JobPermission(Permission):
    """Jobs of any kind."""

    VIEW = "jobs.job.view"
    CREATE = "jobs.job.create"
    MANAGE = "jobs.job.manage"
    MANAGE_ALL = "jobs.job.manage_all"


def may_manage(actor: Actor, job: Any) -> bool:
    """One's own jobs, or with `MANAGE_ALL` anybody's."""
    return JobPermission.MANAGE_ALL.value in actor.permissions or job.creator == actor.principal


grant(
    JobPermission.VIEW, to=EVERYONE, doc="See the organisation's jobs, their progress and results."
)
grant(JobPermission.CREATE, to=CALLERS, doc="Submit jobs of the kinds one may run.")
grant(JobPermission.MANAGE, to=CALLERS, doc="Cancel and retry one's own jobs.", rule=may_manage)
grant(JobPermission.MANAGE_ALL, to=ADMINS, doc="Cancel and retry everybody's jobs.")
