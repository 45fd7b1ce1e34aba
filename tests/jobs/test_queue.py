from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.core import bus
from apps.jobs import topics
from apps.jobs.domain.priorities import Priority
from apps.jobs.models import Job
from apps.jobs.services import doorbell, queue
from apps.tenants.models import Membership, Organization
from tests.factories.queue import claim_jobs, fresh, make_job, turn_of
from tests.factories.tenants import actor_of


def test_enqueue_keeps_what_was_asked(organization: Organization, user: Membership) -> None:
    actor = actor_of(user)

    job = fresh(make_job(organization, actor=actor, priority=Priority.HIGH, seconds=2.5))

    assert (job.kind, job.state, job.priority) == ("demo.sleep", "queued", Priority.HIGH)
    assert job.payload == {
        "seconds": 2.5,
        "steps": 1,
        "fail": False,
        "crash": False,
        "result_bytes": 0,
    }
    assert (job.creator, job.request_id) == (actor.principal, "req_test")
    assert job.authority["user_id"] == user.user_id


def test_enqueue_announces_a_deed_of_its_actor(
    organization: Organization, user: Membership, facts: list[bus.Fact]
) -> None:
    asked = make_job(organization, actor=actor_of(user))
    own = make_job(organization)

    assert [(fact.topic, fact.object_id, fact.is_audited) for fact in facts] == [
        (topics.JOB_QUEUED, asked.public_id, True),
        (topics.JOB_QUEUED, own.public_id, False),
    ]


def test_enqueue_answers_the_unfinished_job_of_the_same_key(
    organization: Organization, other: Organization, facts: list[bus.Fact]
) -> None:
    first = make_job(organization, key="nightly")
    elsewhere = make_job(other, key="nightly")

    second = make_job(organization, key="nightly")

    assert second.pk == first.pk
    assert elsewhere.pk != first.pk
    assert len(facts) == 2


def test_enqueue_takes_a_key_anew_once_its_job_has_ended(organization: Organization) -> None:
    first = make_job(organization, key="nightly")
    Job.objects.filter(pk=first.pk).update(state="completed")

    assert make_job(organization, key="nightly").pk != first.pk


def test_enqueue_of_a_rolled_back_transaction_leaves_nothing(organization: Organization) -> None:
    with transaction.atomic():
        make_job(organization)
        transaction.set_rollback(True)

    assert Job.objects.count() == 0


def test_enqueue_rings_after_the_commit(
    organization: Organization, django_capture_on_commit_callbacks: object
) -> None:
    rung: list[list[str]] = []

    def note(jobs: list[Job]) -> None:
        rung.append([job.public_id for job in jobs])

    doorbell.add_ring(note)
    try:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            job = make_job(organization)
            assert rung == []
    finally:
        doorbell.remove_ring(note)

    assert rung == [[job.public_id]]


def test_a_ring_that_fails_hurts_nobody() -> None:
    def fail(jobs: list[Job]) -> None:
        raise OSError("no bell")

    doorbell.add_ring(fail)
    try:
        doorbell.ring([])
    finally:
        doorbell.remove_ring(fail)

    assert doorbell.wait(0) is True


def test_wake_turn_only_moves_it_sooner(organization: Organization) -> None:
    now = timezone.now()
    make_job(organization, run_at=now)

    queue.wake_turn(organization.pk, now + timedelta(hours=1))
    assert turn_of(organization).next_at == now

    queue.wake_turn(organization.pk, now - timedelta(hours=1))
    assert turn_of(organization).next_at == now - timedelta(hours=1)


def test_a_delayed_job_waits_for_its_time(organization: Organization) -> None:
    later = timezone.now() + timedelta(hours=1)
    job = make_job(organization, run_at=later)

    assert claim_jobs() == []
    assert [found.pk for found in claim_jobs(now=later)] == [job.pk]
