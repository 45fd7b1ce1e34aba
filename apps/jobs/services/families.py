"""Parents and children: a parent's progress is its children's, and it ends with the last of them.

A parent that waits is running without a holder. Whoever ends a child locks the parent's row before counting what is
left, waiting or not, so that the last child's end and the parent's beginning to wait cannot miss each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Avg, Count, Q, QuerySet
from django.utils import timezone

from apps.jobs import topics
from apps.jobs.domain.kinds import kind_named
from apps.jobs.domain.states import FINAL, State
from apps.jobs.models import UNFINISHED, Job
from apps.jobs.services import queue


def settle_parents(jobs: Iterable[Job]) -> None:
    """Count anew for the parents of these jobs, some of which may have ended. Within their transaction."""
    numbers = {job.parent_id for job in jobs if job.parent_id is not None}
    if not numbers:
        return
    parents = _locked(Job.objects.filter(pk__in=numbers, state=State.RUNNING))
    ended = [parent for parent in parents if parent.is_waiting and _count_anew(parent)]
    settle_parents(ended)


def parents_with_work_left(numbers: Iterable[int]) -> set[int]:
    """Of these jobs, those with children that have not ended."""
    children = Job.objects.filter(parent_id__in=list(numbers), state__in=UNFINISHED)
    return {number for number in children.values_list("parent_id", flat=True) if number}


def settle_forgotten() -> int:
    """The net: parents that wait for nobody any more."""
    waiting = Job.objects.filter(is_waiting=True, state=State.RUNNING)
    idle = waiting.exclude(pk__in=waiting.filter(children__state__in=UNFINISHED).values("pk"))
    return sum(_count_anew(parent) for parent in _locked(idle) if not _is_new(parent))


def _is_new(parent: Job) -> bool:
    """A group without children was just made; its children come with its own transaction."""
    return not parent.children.exists() and parent.cancel_requested_at is None


def _locked(rows: QuerySet[Job]) -> list[Job]:
    return list(rows.order_by("-pk").select_for_update())


def _count_anew(parent: Job) -> bool:
    """Write the parent's progress, or its end; whether it ended."""
    children = Job.objects.filter(parent_id=parent.pk).aggregate(
        total=Count("pk"),
        progress=Avg("progress"),
        left=Count("pk", filter=Q(state__in=UNFINISHED)),
        **{state.value: Count("pk", filter=Q(state=state)) for state in FINAL},
    )
    if children["left"]:
        _write_progress(parent, children)
        return False
    _write_end(parent, children)
    return True


def _write_progress(parent: Job, children: dict[str, Any]) -> None:
    done = sum(children[state.value] for state in FINAL)
    progress = min(float(children["progress"] or 0.0), 99.9)
    if int(progress) <= int(parent.progress):
        return  # a hundred times in its life is often enough
    parent.progress = progress
    parent.message = f"{done} of {children['total']} done"
    parent.save(update_fields=["progress", "message"])
    queue.publish([(topics.JOB_PROGRESSED, parent)])


def _write_end(parent: Job, children: dict[str, Any]) -> None:
    kind = kind_named(parent.kind)
    is_cancelled = parent.cancel_requested_at is not None
    parent.state = State.CANCELLED if is_cancelled else State.COMPLETED
    parent.is_waiting, parent.finished_at = False, timezone.now()
    parent.progress = parent.progress if is_cancelled else 100.0
    if kind is None or kind.is_group:
        parent.result = {
            "total": children["total"],
            **{state.value: children[state.value] for state in sorted(FINAL)},
        }
    parent.save(update_fields=["state", "is_waiting", "finished_at", "progress", "result"])
    topic = topics.JOB_CANCELLED if is_cancelled else topics.JOB_COMPLETED
    queue.publish([(topic, parent)])
