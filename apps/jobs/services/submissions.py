"""What callers ask of jobs through the doors: submit, cancel, try again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DataError, IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from pydantic import BaseModel, ValidationError

from apps.core import json as strict_json
from apps.core.actor import Actor
from apps.core.errors import AppError, FieldError, Invalid, TooLarge
from apps.core.http_client.errors import Forbidden
from apps.core.http_client.guard import judge_url
from apps.core.permissions import require
from apps.core.tenancy import organization_scope, unscoped
from apps.jobs import topics
from apps.jobs.domain.kinds import Kind, kind_named
from apps.jobs.domain.priorities import WORDS, Priority
from apps.jobs.domain.states import FINAL, State, may_move
from apps.jobs.errors import JobEnded, JobNotEnded
from apps.jobs.models import UNFINISHED, Job
from apps.jobs.permissions import JobPermission
from apps.jobs.queries import jobs as reading
from apps.jobs.services import bounds, doorbell, families, queue
from apps.jobs.services.groups import GROUP, GroupPayload

MAX_PAYLOAD = 1024 * 1024
MAX_TOGETHER = 1000
MAX_URL = 2000


@dataclass(frozen=True, slots=True)
class Submission:
    """One job as a caller describes it."""

    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    priority: str = "normal"
    callback_url: str = ""
    run_at: datetime | None = None


def submit(
    *,
    actor: Actor,
    kind: str,
    payload: Mapping[str, Any],
    priority: str = "normal",
    callback_url: str = "",
    run_at: datetime | None = None,
    parent: str | None = None,
) -> Job:
    """Queue one job. `Invalid` names each wrong field, `QueueFull` says that too many wait already."""
    asked = Submission(kind, payload, priority, callback_url, run_at)
    known, body = _check(actor, asked, at="")
    bounds.require_room(organization_id=actor.organization_id, count=1)
    with organization_scope(actor.organization_id), transaction.atomic():
        return queue.enqueue(
            known,
            body,
            organization_id=actor.organization_id,
            actor=actor,
            priority=Priority.of(priority),
            run_at=run_at,
            parent=_parent(actor, parent),
            callback_url=callback_url,
        )


def submit_each(*, asked: Sequence[tuple[Actor, Submission]]) -> list[Job | Exception]:
    """Queue one job for each of many callers, in one transaction; each gets the job or the error that is theirs.

    For kinds without a dedupe rule. What the database refuses of one does not cost the others theirs.
    """
    unsaved: Counter[int] = Counter()
    kept: list[Job | Exception] = [_checked_job(actor, one, unsaved) for actor, one in asked]
    ready = [
        (each, actor) for each, (actor, _) in zip(kept, asked, strict=True) if isinstance(each, Job)
    ]
    try:
        with unscoped(reason="one transaction for many callers"), transaction.atomic():
            queue.enqueue_each(ready)
    except (DataError, IntegrityError):
        return [_submitted_alone(actor, one) for actor, one in asked]
    return kept


def submit_many(
    *, actor: Actor, jobs: Sequence[Submission], callback_url: str = "", name: str = ""
) -> Job:
    """Queue many jobs, all or none, as the children of one group, whose progress is theirs. Answers the group."""
    if not 0 < len(jobs) <= MAX_TOGETHER:
        raise Invalid.field("jobs", f"must hold 1 to {MAX_TOGETHER} jobs", "length")
    checked = [_check(actor, asked, at=f"jobs.{index}.") for index, asked in enumerate(jobs)]
    _check_callback(callback_url, at="")
    number = actor.organization_id
    bounds.require_room(organization_id=number, count=len(jobs))
    with organization_scope(number), transaction.atomic():
        group = queue.enqueue(
            GROUP,
            GroupPayload(name=name),
            organization_id=number,
            actor=actor,
            callback_url=callback_url,
        )
        children = [
            queue.build(
                kind,
                body,
                organization_id=number,
                actor=actor,
                priority=Priority.of(asked.priority),
                run_at=asked.run_at,
                parent=group,
                callback_url=asked.callback_url,
            )
            for asked, (kind, body) in zip(jobs, checked, strict=True)
        ]
        _save_all(children, actor)
    return group


def cancel_job(*, actor: Actor, job_id: str) -> Job:
    """What waits is cancelled at once; what runs is asked to end, then ended. A second time changes nothing."""
    require(actor, JobPermission.VIEW)
    with organization_scope(actor.organization_id), transaction.atomic():
        job = reading.job_by_id(job_id)
        require(actor, JobPermission.MANAGE, job)
        family = _locked_family(job)
        job = family[-1]
        if job.state == State.CANCELLED:
            return job
        if job.state in FINAL:
            raise JobEnded
        now = timezone.now()
        for member in family:
            _cancel_one(member, now, actor)
        families.settle_parents([*family, job])
        job.refresh_from_db()
    doorbell.ring([])
    return job


def retry_job(*, actor: Actor, job_id: str) -> Job:
    """Queue a failed or cancelled job anew, with all its attempts; of a group, those of its children."""
    require(actor, JobPermission.VIEW)
    with organization_scope(actor.organization_id), transaction.atomic():
        job = reading.job_by_id(job_id)
        require(actor, JobPermission.MANAGE, job)
        kind = kind_named(job.kind)
        if kind is None:
            raise JobNotEnded("Its kind is known no more.")
        if kind.permission is not None:
            require(actor, kind.permission)
        children = list(_locked(job.children.filter(state__in=(State.FAILED, State.CANCELLED))))
        job = _locked(Job.objects.filter(pk=job.pk)).get()
        if not may_move(State(job.state), State.QUEUED) or job.state == State.RUNNING:
            raise JobNotEnded
        again = children if kind.is_group else [job]
        bounds.require_room(organization_id=job.organization_id, count=len(again))
        _begin_anew(job, State.RUNNING if kind.is_group else State.QUEUED)
        for child in again:
            if child.pk != job.pk:
                _begin_anew(child, State.QUEUED)
        queue.wake_turn(job.organization_id, timezone.now())
        news = {each.pk: (topics.JOB_RETRIED, each) for each in [job, *again]}
        queue.publish(news.values(), actor)
        doorbell.ring_on_commit(again)
        if kind.is_group:
            families.settle_parents(children)
    return job


def _checked_job(actor: Actor, asked: Submission, unsaved: Counter[int]) -> Job | AppError:
    number = actor.organization_id
    try:
        kind, body = _check(actor, asked, at="")
        bounds.require_room(organization_id=number, count=1, unsaved=unsaved[number])
    except AppError as error:
        return error
    unsaved[number] += 1
    return queue.build(
        kind,
        body,
        organization_id=number,
        actor=actor,
        priority=Priority.of(asked.priority),
        run_at=asked.run_at,
        callback_url=asked.callback_url,
    )


def _submitted_alone(actor: Actor, asked: Submission) -> Job | Exception:
    try:
        return submit(
            actor=actor,
            kind=asked.kind,
            payload=asked.payload,
            priority=asked.priority,
            callback_url=asked.callback_url,
            run_at=asked.run_at,
        )
    except (AppError, DataError, IntegrityError) as error:
        return error


def _check(actor: Actor, asked: Submission, *, at: str) -> tuple[Kind[Any], BaseModel]:
    kind = _known_kind(actor, asked.kind, at=at)
    if asked.priority not in WORDS:
        raise Invalid.field(f"{at}priority", f"must be one of {', '.join(WORDS)}", "choice")
    if asked.run_at is not None and asked.run_at.tzinfo is None:
        raise Invalid.field(f"{at}run_at", "must name its time zone", "timezone")
    _check_callback(asked.callback_url, at=at)
    if not isinstance(asked.payload, Mapping):
        raise Invalid.field(f"{at}payload", "must be an object", "type")
    if len(strict_json.dumps(asked.payload)) > MAX_PAYLOAD:
        raise TooLarge(f"A payload may have {MAX_PAYLOAD} bytes.", code="payload_too_large")
    try:
        return kind, kind.payload.model_validate(dict(asked.payload))
    except ValidationError as error:
        raise Invalid(fields=_field_errors(error, f"{at}payload")) from None


def _known_kind(actor: Actor, name: str, *, at: str) -> Kind[Any]:
    require(actor, JobPermission.CREATE)
    kind = kind_named(name)
    if kind is None or kind.permission is None:
        raise Invalid.field(
            f"{at}kind", f"there is no kind named {strict_json.shown(str(name))}", "choice"
        )
    require(actor, kind.permission)
    return kind


def _check_callback(url: str, *, at: str) -> None:
    if not url:
        return
    name = f"{at}callback_url"
    if len(url) > MAX_URL:
        raise Invalid.field(name, f"must have at most {MAX_URL} characters", "length")
    if not url.isprintable() or " " in url or not _is_address(url):
        raise Invalid.field(name, "must be an http or https address without a password", "url")
    try:
        judge_url(url, settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS)
    except Forbidden as error:
        raise error.as_field(name) from None


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and parts.username is None
        )
    except ValueError:
        return False


def _field_errors(error: ValidationError, at: str) -> list[FieldError]:
    return [
        FieldError(
            strict_json.shown(".".join([at, *map(str, each["loc"])])), each["msg"], each["type"]
        )
        for each in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _parent(actor: Actor, job_id: str | None) -> Job | None:
    if job_id is None:
        return None
    parent = reading.job_by_id(job_id)
    require(actor, JobPermission.MANAGE, parent)
    locked = _locked(Job.objects.filter(pk=parent.pk)).get()
    if locked.state in FINAL:
        raise JobEnded("The parent has already ended.")
    return locked


def _save_all(children: list[Job], actor: Actor) -> None:
    """In one statement what may be; a child with a dedupe key that stands already is left out."""
    plain = [child for child in children if not child.dedupe_key]
    Job.objects.bulk_create(plain)
    queue.announce_queued(plain, actor)
    for child in children:
        if child.dedupe_key and queue.save_or_find(child) is None:
            queue.announce_queued([child], actor)


def _locked(rows: QuerySet[Job]) -> QuerySet[Job]:
    return rows.order_by("-pk").select_for_update(of=("self",))


def _locked_family(job: Job) -> list[Job]:
    """The unfinished children, theirs too, and last the job itself: youngest first, as settling locks them."""
    numbers = [job.pk]
    level = [job.pk]
    while level:
        unfinished = Job.objects.filter(parent_id__in=level, state__in=UNFINISHED)
        level = list(unfinished.values_list("pk", flat=True))
        numbers += level
    return list(_locked(Job.objects.filter(pk__in=numbers)))


def _cancel_one(job: Job, now: datetime, actor: Actor) -> None:
    if job.state == State.QUEUED:
        job.state, job.finished_at, job.cancel_requested_at = State.CANCELLED, now, now
        job.save(update_fields=["state", "finished_at", "cancel_requested_at"])
        queue.publish([(topics.JOB_CANCELLED, job)], actor)
    elif job.state == State.RUNNING and job.cancel_requested_at is None:
        job.cancel_requested_at = now
        job.save(update_fields=["cancel_requested_at"])
        queue.publish([(topics.JOB_CANCEL_REQUESTED, job)], actor)


def _begin_anew(job: Job, state: State) -> None:
    now = timezone.now()
    job.state, job.is_waiting = state, state == State.RUNNING
    job.run_at, job.started_at, job.finished_at = now, now if job.is_waiting else None, None
    job.cancel_requested_at, job.lease_until, job.error, job.result = None, None, None, None
    job.progress, job.message, job.steps = 0.0, "", []
    job.attempts, job.losses, job.claim = 0, 0, job.claim + 1
    try:
        with transaction.atomic():
            job.save()
    except IntegrityError:
        raise JobNotEnded(
            "Another job under the same name has not ended yet.", code="job_stands"
        ) from None
