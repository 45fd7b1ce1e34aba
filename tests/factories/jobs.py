"""Jobs for tests, in any state, and the followers of them."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from apps.core.tenancy import organization_scope
from apps.jobs.domain.states import FINAL, State
from apps.jobs.models import Job
from apps.tenants.models import Membership, Organization

UNKNOWN = "job_" + "0" * 32


def make_job(organization: Organization, *, by: Membership | None = None, **values: Any) -> Job:
    """A queued job unless values say otherwise; times follow its state."""
    state = State(values.get("state", State.QUEUED))
    now = timezone.now()
    times: dict[str, Any] = {}
    if state is not State.QUEUED:
        times = {"started_at": now, "claim": 1, "attempts": 1}
    if state in FINAL:
        times["finished_at"] = now
    if state is State.COMPLETED:
        times["progress"] = 100.0
    creator = {"creator": by.user.public_id, "creator_name": by.user.name} if by else {}
    with organization_scope(organization.pk):
        return Job.objects.create(
            organization=organization,
            **{"kind": "demo.sleep", "payload": {"seconds": 1.0}, **times, **creator, **values},
        )
