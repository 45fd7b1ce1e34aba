"""Jobs in GraphQL: the same deeds as REST, and one job's stream as a subscription."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import graphene
from django.db.models import QuerySet

from apps.core import live
from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.core.graphql.connections import ConnectionField
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField, LiveField
from apps.core.graphql.mutations import HouseMutation
from apps.core.graphql.types import JSON, DateTime, HouseType, public_id
from apps.jobs.domain.kinds import Kind
from apps.jobs.domain.priorities import Priority
from apps.jobs.domain.results import address_of
from apps.jobs.domain.standings import frame_of, standing_of_event
from apps.jobs.domain.states import State
from apps.jobs.models import Job
from apps.jobs.permissions import JobPermission
from apps.jobs.queries import jobs as queries
from apps.jobs.queries import lists
from apps.jobs.queries.board import Mailbox, board
from apps.jobs.services import submissions

STATE = ", ".join(lists.STATES)
TOPIC = "job.progress"
PRIORITY = "critical, high, normal or low"


class JobCreator(graphene.ObjectType):
    id = graphene.ID(required=True)
    name = graphene.String(required=True)


class JobError(graphene.ObjectType):
    code = graphene.String(required=True)
    message = graphene.String(required=True)


class JobStep(graphene.ObjectType):
    name = graphene.String(required=True)
    started_at = graphene.String(required=True)
    ended_at = graphene.String()


class JobType(HouseType):
    """One piece of work."""

    class Meta:
        name = "Job"

    related: ClassVar = {"parent": "parent"}

    id = public_id()
    kind = graphene.String(required=True)
    status = graphene.String(required=True, source="state", description=STATE)
    priority = graphene.String(required=True, description=PRIORITY)
    progress = graphene.Float(required=True, description="0 to 100")
    message = graphene.String(required=True)
    steps = graphene.List(graphene.NonNull(JobStep), required=True)
    estimated_completion = DateTime()
    attempts = graphene.Int(required=True)
    max_attempts = graphene.Int(required=True)
    payload = JSON(required=True)
    result = JSON(description="Above 1 MB the description of a file.")
    result_url = graphene.String(description="Where the result alone is had, once it is completed.")
    error = graphene.Field(JobError)
    callback_url = graphene.String(required=True)
    created_by = graphene.Field(JobCreator, description="Null is the house itself.")
    parent = graphene.Field(lambda: JobType)
    run_at = DateTime(required=True)
    created_at = DateTime(required=True)
    started_at = DateTime()
    finished_at = DateTime()
    cancel_requested_at = DateTime()

    @staticmethod
    def resolve_priority(job: Job, info: Any) -> str:
        return Priority(job.priority).word

    @staticmethod
    def resolve_estimated_completion(job: Job, info: Any) -> Any:
        return queries.estimated_end(job)

    @staticmethod
    def resolve_result_url(job: Job, info: Any) -> str | None:
        return address_of(job.public_id) if job.state == State.COMPLETED else None

    @staticmethod
    def resolve_created_by(job: Job, info: Any) -> Any:
        return {"id": job.creator, "name": job.creator_name} if job.creator else None


class JobKind(graphene.ObjectType):
    """A kind of work that callers may submit."""

    name = graphene.String(required=True)
    permission = graphene.String(required=True)
    time_limit = graphene.Float(required=True, description="Seconds an attempt may take.")
    max_attempts = graphene.Int(required=True)
    payload = JSON(required=True, description="The JSON Schema of its payload.")

    @staticmethod
    def resolve_payload(kind: Kind[Any], info: Any) -> dict[str, Any]:
        schema: dict[str, Any] = kind.payload.model_json_schema()
        return schema


class JobProgress(graphene.ObjectType):
    """One frame of a job's stream, or one event of the topic `job.progress` when no job is named."""

    type = graphene.String(required=True, description="progress, complete or error; gap in a topic")
    job_id = graphene.ID()
    status = graphene.String(description=STATE)
    progress = graphene.Float()
    message = graphene.String()
    result = JSON()
    error = graphene.String()
    seq = graphene.BigInt(
        required=True, description="For `after`: the job's own number, or the topic's."
    )
    topic = graphene.String(required=True)
    event = graphene.String(description="The fact an event of the topic tells of.")
    data = JSON(description="The event's own words.")
    timestamp = DateTime()


class JobInput(graphene.InputObjectType):
    kind = graphene.String(required=True)
    payload = JSON(description="What the kind asks for.")
    priority = graphene.String(description=PRIORITY)
    callback_url = graphene.String(description="Told by a signed webhook when it has ended.")
    run_at = DateTime(description="Not before this moment.")


class NewJobInput(JobInput):
    parent = graphene.ID(description="A job of yours whose progress counts this one.")


class Query(graphene.ObjectType):
    job = HouseField(
        JobType, required=True, permission=JobPermission.VIEW, id=graphene.ID(required=True)
    )
    jobs = ConnectionField(
        JobType,
        permission=JobPermission.VIEW,
        state=graphene.String(description=f"{STATE}; several with commas."),
        kind=graphene.String(),
        priority=graphene.String(description=PRIORITY),
        parent=graphene.ID(description="Id of the job these are children of."),
        since=DateTime(),
        until=DateTime(),
    )
    job_kinds = HouseField(
        graphene.List(graphene.NonNull(JobKind)), required=True, permission=JobPermission.VIEW
    )

    @staticmethod
    def resolve_job(root: Any, info: Any, *, id: str) -> Job:  # noqa: A002 - the argument's public name
        return queries.get_job(actor=actor_of(info), job_id=id)

    @staticmethod
    def resolve_jobs(root: Any, info: Any, **asked: Any) -> QuerySet[Job]:
        # Not deferred: which of the large columns are wanted is the selection's to say.
        return lists.visible_jobs(actor=actor_of(info), **asked).defer(None)

    @staticmethod
    def resolve_job_kinds(root: Any, info: Any) -> list[Kind[Any]]:
        return lists.visible_kinds(actor=actor_of(info))


class CreateJob(HouseMutation):
    class Meta:
        permission = JobPermission.CREATE

    class Arguments:
        input = NewJobInput(required=True)

    job = graphene.Field(JobType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CreateJob:
        return cls(job=submissions.submit(actor=actor, **_asked(arguments["input"])))


class CreateJobs(HouseMutation):
    """Many at once, all or none, as the children of one group."""

    class Meta:
        permission = JobPermission.CREATE

    class Arguments:
        jobs = graphene.List(graphene.NonNull(JobInput), required=True)
        name = graphene.String()
        callback_url = graphene.String()

    group = graphene.Field(JobType, required=True)
    ids = graphene.List(
        graphene.NonNull(graphene.ID), required=True, description="In the order they were sent."
    )

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CreateJobs:
        asked = [submissions.Submission(**_asked(one)) for one in arguments["jobs"]]
        group = submissions.submit_many(
            actor=actor,
            jobs=asked,
            name=arguments.get("name") or "",
            callback_url=arguments.get("callback_url") or "",
        )
        return cls(group=group, ids=lists.child_ids(group))


class CancelJob(HouseMutation):
    """What waits is cancelled at once; what runs is asked to end, then ended."""

    class Meta:
        permission = JobPermission.MANAGE

    class Arguments:
        id = graphene.ID(required=True)

    job = graphene.Field(JobType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CancelJob:
        return cls(job=submissions.cancel_job(actor=actor, job_id=arguments["id"]))


class RetryJob(HouseMutation):
    """Queue a failed or cancelled job anew, with all its attempts."""

    class Meta:
        permission = JobPermission.MANAGE

    class Arguments:
        id = graphene.ID(required=True)

    job = graphene.Field(JobType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> RetryJob:
        return cls(job=submissions.retry_job(actor=actor, job_id=arguments["id"]))


class Mutation(graphene.ObjectType):
    create_job = CreateJob.Field()
    create_jobs = CreateJobs.Field()
    cancel_job = CancelJob.Field()
    retry_job = RetryJob.Field()


class Subscription(graphene.ObjectType):
    """In place of what the topic alone would have: it can be narrowed to one job."""

    job_progress = LiveField(
        JobProgress,
        required=True,
        permission=JobPermission.VIEW,
        job_id=graphene.ID(description="Only this job, from where it stands to its end."),
        after=graphene.BigInt(description="Tell only what lies ahead of this `seq`."),
        description="Jobs queued, moving and ended.",
    )

    @staticmethod
    def subscribe_job_progress(
        root: Any, info: Any, *, job_id: str | None = None, after: int | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        if job_id is None:
            return _follow_all(actor_of(info), after)
        return _follow_one(actor_of(info), job_id, after)


async def _follow_one(
    actor: Actor, job_id: str, after: int | None
) -> AsyncIterator[dict[str, Any]]:
    standing = await board().standing(job_id)
    if standing.organization_id != actor.organization_id:
        raise NotFound
    mailbox = Mailbox()
    try:
        now = await board().follow(job_id, mailbox, after=after)
        if now.is_final and after is not None and now.seq <= after:
            return
        while (told := await mailbox.next()) is not None:
            yield {**frame_of(told), "topic": TOPIC}
            if told.is_final:
                return
    finally:
        board().unfollow(job_id, mailbox)


async def _follow_all(actor: Actor, after: int | None) -> AsyncIterator[dict[str, Any]]:
    async for event in live.follow(actor, TOPIC, after):
        standing = standing_of_event(event.data, actor.organization_id)
        yield {
            **(frame_of(standing) if standing else {"type": event.event}),
            "topic": event.topic,
            "seq": event.seq,
            "event": event.event,
            "data": event.data,
            "timestamp": event.at,
        }


def _asked(values: Any) -> dict[str, Any]:
    """What a null means is what leaving it out does."""
    return {"payload": {}} | {name: value for name, value in values.items() if value is not None}
