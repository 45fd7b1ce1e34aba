from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.core import bus
from apps.core.actor import Actor, Role
from apps.core.errors import AppError, Invalid, NotFound, PermissionDenied
from apps.jobs import topics
from apps.jobs.errors import JobEnded, JobNotEnded, QueueFull
from apps.jobs.models import Job
from apps.jobs.services import bounds, outcomes, submissions
from apps.jobs.services.outcomes import Outcome
from apps.jobs.services.submissions import Submission
from apps.tenants.models import Membership, Organization
from tests.factories.queue import claim_jobs, fresh, make_job
from tests.factories.tenants import actor_of, make_admin, make_member


@pytest.fixture
def actor(user: Membership) -> Actor:
    return actor_of(user)


def ask(actor: Actor, **values: Any) -> Job:
    return submissions.submit(
        actor=actor, **{"kind": "demo.sleep", "payload": {"seconds": 1}, **values}
    )


def test_submit_queues_what_was_asked(actor: Actor, facts: list[bus.Fact]) -> None:
    at = timezone.now() + timedelta(hours=1)

    job = fresh(ask(actor, priority="high", callback_url="https://example.com/x", run_at=at))

    assert (job.state, job.priority, job.run_at) == ("queued", 1, at)
    assert job.callback_url == "https://example.com/x"
    assert [(fact.topic, fact.is_audited) for fact in facts] == [(topics.JOB_QUEUED, True)]


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"kind": "no.such"}, ["kind"]),
        ({"kind": "jobs.group"}, ["kind"]),
        ({"payload": {"seconds": -1}}, ["payload.seconds"]),
        ({"payload": {"seconds": "1"}}, ["payload.seconds"]),
        ({"payload": {"seconds": 1, "more": 2, "steps": 0}}, ["payload.steps", "payload.more"]),
        ({"payload": [1]}, ["payload"]),
        ({"priority": "urgent"}, ["priority"]),
        ({"run_at": datetime(2026, 1, 1)}, ["run_at"]),  # noqa: DTZ001 - what is refused
        ({"callback_url": "ftp://example.com"}, ["callback_url"]),
        ({"callback_url": "https://"}, ["callback_url"]),
        ({"callback_url": "https://[::1"}, ["callback_url"]),
        ({"callback_url": "https://a:b@example.com/"}, ["callback_url"]),
        ({"callback_url": "https://example.com/" + 2000 * "x"}, ["callback_url"]),
        ({"callback_url": "http://127.0.0.1:8000/done"}, ["callback_url"]),
        ({"callback_url": "http://169.254.169.254/latest"}, ["callback_url"]),
        ({"callback_url": "http://localhost/done"}, ["callback_url"]),
    ],
)
def test_submit_names_the_wrong_field(
    actor: Actor, values: dict[str, Any], fields: list[str]
) -> None:
    with pytest.raises(Invalid) as caught:
        ask(actor, **values)

    assert [field.field for field in caught.value.fields] == fields
    assert Job.objects.count() == 0


def test_submit_refuses_a_payload_too_large(actor: Actor) -> None:
    with pytest.raises(AppError) as caught:
        ask(actor, payload={"seconds": "x" * 1_100_000})

    assert caught.value.code == "payload_too_large"


def test_submit_needs_the_permission(organization: Organization) -> None:
    with pytest.raises(PermissionDenied):
        ask(actor_of(make_member(organization, Role.VIEWER)))


def test_submit_is_bounded_per_organization(
    actor: Actor, other: Organization, settings: Any
) -> None:
    settings.SIGNALBOX_JOB_QUEUE_LIMIT = 2
    ask(actor)
    ask(actor)

    with pytest.raises(QueueFull) as caught:
        ask(actor)

    assert (caught.value.code, caught.value.retry_after) == ("queue_full", 5)
    assert ask(actor_of(make_member(other))).state == "queued"
    claim_jobs(1)
    bounds.forget()
    assert ask(actor).state == "queued"


def test_submit_under_a_parent(actor: Actor, organization: Organization) -> None:
    parent = ask(actor)
    foreign = make_job(organization)
    ended = ask(actor)
    Job.objects.filter(pk=ended.pk).update(state="completed")

    assert ask(actor, parent=parent.public_id).parent_id == parent.pk
    for job_id, error in [
        (foreign.public_id, PermissionDenied),
        (ended.public_id, JobEnded),
        ("job_0", NotFound),
    ]:
        with pytest.raises(error):
            ask(actor, parent=job_id)


def test_submit_many_makes_one_group(actor: Actor, facts: list[bus.Fact]) -> None:
    asked = [Submission("demo.sleep", {"seconds": 0}, priority="low") for _ in range(3)]

    group = submissions.submit_many(actor=actor, jobs=asked, name="three")

    children = Job.objects.filter(parent=group)
    assert (group.kind, group.payload) == ("jobs.group", {"name": "three"})
    assert [(child.state, child.priority) for child in children] == 3 * [("queued", 3)]
    assert len(facts) == 4
    assert len(claim_jobs()) == 3


def test_submit_many_is_all_or_nothing(actor: Actor) -> None:
    asked = [Submission("demo.sleep", {"seconds": 0}), Submission("demo.sleep", {"seconds": -1})]

    with pytest.raises(Invalid) as caught:
        submissions.submit_many(actor=actor, jobs=asked)

    assert [field.field for field in caught.value.fields] == ["jobs.1.payload.seconds"]
    assert Job.objects.count() == 0
    for count in (0, 1001):
        with pytest.raises(Invalid):
            submissions.submit_many(actor=actor, jobs=count * asked[:1])


def test_cancel_of_a_queued_job_ends_it(actor: Actor, facts: list[bus.Fact]) -> None:
    job = ask(actor)

    cancelled = submissions.cancel_job(actor=actor, job_id=job.public_id)
    again = submissions.cancel_job(actor=actor, job_id=job.public_id)

    assert (cancelled.state, again.state) == ("cancelled", "cancelled")
    assert [fact.topic for fact in facts] == [topics.JOB_QUEUED, topics.JOB_CANCELLED]
    assert claim_jobs() == []


def test_cancel_of_a_running_job_asks_it_to_end(actor: Actor, facts: list[bus.Fact]) -> None:
    job = ask(actor)
    claim_jobs()

    asked = submissions.cancel_job(actor=actor, job_id=job.public_id)
    submissions.cancel_job(actor=actor, job_id=job.public_id)

    assert asked.state == "running"
    assert asked.cancel_requested_at is not None
    assert [fact.topic for fact in facts].count(topics.JOB_CANCEL_REQUESTED) == 1


def test_cancel_of_a_group_cancels_its_children(actor: Actor) -> None:
    asked = [Submission("demo.sleep", {"seconds": 0}) for _ in range(2)]
    group = submissions.submit_many(actor=actor, jobs=asked)
    (running,) = claim_jobs(1)

    submissions.cancel_job(actor=actor, job_id=group.public_id)
    before = fresh(group).state
    outcomes.settle([Outcome(running, is_cancelled=True)])

    assert before == "running"
    assert (fresh(group).state, fresh(group).result["cancelled"]) == ("cancelled", 2)


def test_cancel_of_a_group_with_nothing_running_ends_it_at_once(actor: Actor) -> None:
    group = submissions.submit_many(actor=actor, jobs=[Submission("demo.sleep", {"seconds": 0})])

    assert submissions.cancel_job(actor=actor, job_id=group.public_id).state == "cancelled"


def test_cancel_of_what_has_ended_is_refused(actor: Actor) -> None:
    job = ask(actor)
    Job.objects.update(state="completed")

    with pytest.raises(JobEnded):
        submissions.cancel_job(actor=actor, job_id=job.public_id)


def test_cancel_is_for_ones_own_jobs_or_an_administrator(
    actor: Actor, organization: Organization, other: Organization
) -> None:
    job = make_job(organization)

    with pytest.raises(PermissionDenied):
        submissions.cancel_job(actor=actor, job_id=job.public_id)
    with pytest.raises(NotFound):
        submissions.cancel_job(actor=actor_of(make_admin(other)), job_id=job.public_id)
    admin = actor_of(make_admin(organization))
    assert submissions.cancel_job(actor=admin, job_id=job.public_id).state == "cancelled"


def test_retry_queues_a_failed_job_with_all_its_attempts(
    actor: Actor, facts: list[bus.Fact]
) -> None:
    job = ask(actor)
    (running,) = claim_jobs()
    outcomes.settle([Outcome(running, error={"code": "x", "message": "y"}, is_final=True)])

    retried = submissions.retry_job(actor=actor, job_id=job.public_id)

    assert (retried.state, retried.attempts, retried.error) == ("queued", 0, None)
    assert [each.pk for each in claim_jobs()] == [job.pk]
    assert [fact.topic for fact in facts if fact.is_audited] == [
        topics.JOB_QUEUED,
        topics.JOB_RETRIED,
    ]


@pytest.mark.parametrize("state", ["queued", "running", "completed"])
def test_retry_of_anything_else_is_refused(actor: Actor, state: str) -> None:
    job = ask(actor)
    Job.objects.update(state=state)

    with pytest.raises(JobNotEnded):
        submissions.retry_job(actor=actor, job_id=job.public_id)


def test_retry_of_a_group_retries_what_failed(actor: Actor) -> None:
    asked = [Submission("demo.sleep", {"seconds": 0}) for _ in range(2)]
    group = submissions.submit_many(actor=actor, jobs=asked)
    submissions.cancel_job(actor=actor, job_id=group.public_id)

    submissions.retry_job(actor=actor, job_id=group.public_id)
    again = claim_jobs()
    outcomes.settle([Outcome(job) for job in again])

    assert len(again) == 2
    assert fresh(group).state == "completed"


def test_retry_beside_a_job_of_the_same_key_is_refused(
    organization: Organization, actor: Actor
) -> None:
    first = make_job(organization, actor=actor, key="nightly")
    Job.objects.update(state="failed")
    make_job(organization, actor=actor, key="nightly")

    with pytest.raises(JobNotEnded) as caught:
        submissions.retry_job(actor=actor, job_id=first.public_id)

    assert caught.value.code == "job_stands"
