"""How many jobs of one organisation may wait. Counted now and then, not at each submission: the bound is for floods."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

from django.conf import settings

from apps.core.tenancy import organization_scope
from apps.jobs.domain.states import State
from apps.jobs.errors import QueueFull
from apps.jobs.models import Job

COUNT_EVERY = 1.0
KEPT_ORGANIZATIONS = 10_000


@dataclass(slots=True)
class _Depth:
    count: int
    counted_at: float


_depths: dict[int, _Depth] = {}


def require_room(*, organization_id: int, count: int, unsaved: int = 0) -> None:
    """`QueueFull` when these would be too many. For callers: what the house itself must keep it always takes.

    `unsaved`: so many were let in before them that counting the rows would miss.
    """
    limit: int = settings.SIGNALBOX_JOB_QUEUE_LIMIT
    depth = _depths.get(organization_id)
    is_old = depth is None or monotonic() - depth.counted_at > COUNT_EVERY
    if depth is None or is_old or depth.count + count > limit:
        depth = _count(organization_id, limit)
        depth.count += unsaved
    if depth.count + count > limit:
        raise QueueFull(retry_after=5)
    depth.count += count


def forget() -> None:
    """Begin as a new process does."""
    _depths.clear()


def _count(organization_id: int, limit: int) -> _Depth:
    if len(_depths) >= KEPT_ORGANIZATIONS:
        _depths.clear()
    with organization_scope(organization_id):
        waiting = Job.objects.filter(organization_id=organization_id, state=State.QUEUED)
        count = waiting.order_by()[: limit + 1].count()
    depth = _depths[organization_id] = _Depth(count, monotonic())
    return depth
