"""Lists of jobs as the doors ask for them: by state, kind, priority, parent and time; and the kinds on offer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound
from apps.core.permissions import require
from apps.jobs.domain.kinds import Kind, public_kinds
from apps.jobs.domain.priorities import WORDS, Priority
from apps.jobs.domain.states import State
from apps.jobs.models import Job
from apps.jobs.permissions import JobPermission
from apps.jobs.queries import jobs

STATES = tuple(state.value for state in State)


def visible_jobs(*, actor: Actor, **asked: Any) -> QuerySet[Job]:
    """The organisation's jobs, newest first, without what is large; narrowed as `narrow` says."""
    found = jobs.list_jobs(actor=actor).defer("payload", "result", "authority")
    return narrow(found.order_by("-pk"), **asked)


def narrow(
    found: QuerySet[Job],
    *,
    state: str | None = None,
    kind: str | None = None,
    priority: str | None = None,
    parent: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Job]:
    """Those of a state (or several, with commas), kind, priority and parent, created from `since` to before `until`."""
    wanted = {
        "state__in": _states(state) if state else None,
        "kind": kind,
        "priority": _priority(priority) if priority else None,
        "created_at__gte": since,
        "created_at__lt": until,
    }
    found = found.filter(**{name: value for name, value in wanted.items() if value is not None})
    return _children_of(found, parent) if parent else found


def visible_kinds(*, actor: Actor) -> list[Kind[Any]]:
    """The kinds of work that callers may submit; whether this one may is its permission's to say."""
    require(actor, JobPermission.VIEW)
    return public_kinds()


def child_ids(job: Job) -> list[str]:
    """The public ids of a job's children, in the order of their submission."""
    return list(job.children.order_by("pk").values_list("public_id", flat=True))


def _states(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if any(name not in STATES for name in names):
        raise Invalid.field("state", f"must be among {', '.join(STATES)}", "choice")
    return names


def _priority(word: str) -> Priority:
    if word not in WORDS:
        raise Invalid.field("priority", f"must be one of {', '.join(WORDS)}", "choice")
    return Priority.of(word)


def _children_of(found: QuerySet[Job], parent: str) -> QuerySet[Job]:
    try:
        return found.filter(parent__public_id=parent)
    except NotFound:
        raise Invalid.field("parent", "must be the id of a job", "id") from None
