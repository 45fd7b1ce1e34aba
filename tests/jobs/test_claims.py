from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.core import bus
from apps.jobs import topics
from apps.jobs.domain.priorities import Priority
from apps.jobs.models import Job, Turn
from apps.jobs.services import claims, outcomes
from apps.jobs.services.outcomes import Outcome
from apps.tenants.models import Organization
from tests.factories.queue import claim_jobs, fresh, make_job, turn_of
from tests.factories.tenants import make_organization

SECOND = timedelta(seconds=1)


def test_claim_takes_a_job_under_a_lease(organization: Organization, facts: list[bus.Fact]) -> None:
    made = make_job(organization)
    now = timezone.now() + SECOND

    (job,) = claims.claim(worker="w1", count=5, lease=30 * SECOND, now=now)

    kept = fresh(made)
    assert (kept.state, kept.worker, kept.claim, kept.attempts) == ("running", "w1", 1, 1)
    assert (kept.lease_until, kept.started_at) == (now + 30 * SECOND, now)
    assert (job.state, job.claim, job.attempts) == ("running", 1, 1)
    assert [(fact.topic, fact.is_audited) for fact in facts][1:] == [(topics.JOB_STARTED, False)]
    assert claim_jobs() == []


def test_claim_goes_by_priority_then_age(organization: Organization) -> None:
    low = make_job(organization, priority=Priority.LOW)
    first = make_job(organization)
    second = make_job(organization)
    critical = make_job(organization, priority=Priority.CRITICAL)

    order = [claim_jobs(1)[0].pk for _ in range(4)]

    assert order == [critical.pk, first.pk, second.pk, low.pk]


def test_claim_shares_between_organizations(
    organization: Organization, other: Organization
) -> None:
    for _ in range(20):
        make_job(organization)
    one = make_job(other)

    taken = claim_jobs(4)

    assert one.pk in {job.pk for job in taken}
    assert len(taken) == 4


def test_claim_serves_the_least_recently_served_first(
    organization: Organization, other: Organization
) -> None:
    third = make_organization()
    for each in (organization, other, third):
        make_job(each)
        make_job(each)

    order = [claim_jobs(1)[0].organization_id for _ in range(6)]

    assert order == 2 * [organization.pk, other.pk, third.pk]


def test_claim_passes_over_organizations_and_priorities(
    organization: Organization, other: Organization
) -> None:
    make_job(organization, priority=Priority.LOW)
    normal = make_job(other)
    low = make_job(other, priority=Priority.LOW)

    assert [job.pk for job in claim_jobs(1, without={organization.pk})] == [normal.pk]
    assert [job.pk for job in claim_jobs(9, priorities=[Priority.HIGH])] == []
    taken = claim_jobs(9, without={organization.pk}, priorities=[Priority.LOW])
    assert [job.pk for job in taken] == [low.pk]


def test_claim_looks_again_for_as_long_as_a_submitter_may_have_relied_on_it(
    organization: Organization,
) -> None:
    make_job(organization)
    start = timezone.now() + SECOND
    claim_jobs(now=start)
    # A submitter saw the look that was due, touched nothing, and commits only now.
    Job.objects.create(organization=organization, kind="demo.sleep", run_at=start)
    assert turn_of(organization).next_at is None

    assert len(claim_jobs(now=start + 2 * SECOND)) == 1


def test_claim_believes_an_organization_empty_in_the_end(organization: Organization) -> None:
    make_job(organization)
    start = timezone.now() + SECOND
    for seconds in range(40):
        claim_jobs(now=start + seconds * SECOND)

    turn = turn_of(organization)

    assert (turn.next_at, turn.look_at) == (None, None)


def test_extend_moves_only_leases_that_are_ours(organization: Organization) -> None:
    make_job(organization)
    make_job(organization)
    ours, theirs = claim_jobs()
    Job.objects.filter(pk=theirs.pk).update(claim=2)

    assert claims.extend([ours, theirs], lease=90 * SECOND) == {ours.pk}

    before = timezone.now() + 60 * SECOND
    assert [fresh(job).lease_until > before for job in (ours, theirs)] == [True, False]


def test_reclaim_lost_queues_again_and_fences_the_one_before(
    organization: Organization, facts: list[bus.Fact]
) -> None:
    make_job(organization)
    (before,) = claim_jobs(worker="frozen")
    later = timezone.now() + 60 * SECOND

    assert claims.reclaim_lost(now=later) == 1
    (again,) = claim_jobs(worker="living", now=later)

    assert (again.attempts, again.losses, again.worker) == (2, 1, "living")
    assert outcomes.settle([Outcome(before, result={"late": True})]) == 0
    assert outcomes.settle([Outcome(again, result={"late": False})]) == 1
    assert fresh(again).result == {"late": False}
    assert [fact.topic for fact in facts] == [
        topics.JOB_QUEUED,
        topics.JOB_STARTED,
        topics.JOB_RETRIED,
        topics.JOB_STARTED,
        topics.JOB_COMPLETED,
    ]


def test_reclaim_lost_leaves_living_leases(organization: Organization) -> None:
    make_job(organization)
    claim_jobs()

    assert claims.reclaim_lost() == 0


def test_reclaim_lost_fails_what_used_up_its_attempts(organization: Organization) -> None:
    job = make_job(organization)
    for number in range(1, 4):
        moment = timezone.now() + number * 100 * SECOND
        claim_jobs(now=moment)
        claims.reclaim_lost(now=moment + 60 * SECOND)

    kept = fresh(job)

    assert (kept.state, kept.attempts) == ("failed", 3)
    assert kept.error == {
        "code": "worker_lost",
        "message": "The process that ran it died, 3 times in 3 attempts.",
    }


def test_reclaim_lost_cancels_what_was_to_be_cancelled(organization: Organization) -> None:
    job = make_job(organization)
    claim_jobs()
    Job.objects.update(cancel_requested_at=timezone.now())

    claims.reclaim_lost(now=timezone.now() + 60 * SECOND)

    assert fresh(job).state == "cancelled"


def test_reclaim_of_takes_a_dead_workers_jobs_alone(organization: Organization) -> None:
    make_job(organization)
    make_job(organization)
    (dead,) = claim_jobs(1, worker="dead")
    (living,) = claim_jobs(1, worker="living")

    assert claims.reclaim_of("dead") == 1
    assert (fresh(dead).state, fresh(living).state) == ("queued", "running")


@pytest.mark.parametrize(("is_begun", "attempts"), [(True, 1), (False, 0)])
def test_give_back_queues_again_at_once(
    organization: Organization, is_begun: bool, attempts: int
) -> None:
    make_job(organization)
    (job,) = claim_jobs()

    assert claims.give_back([job], is_begun=is_begun) == 1
    kept = fresh(job)
    assert (kept.state, kept.attempts, kept.claim, kept.losses) == ("queued", attempts, 2, 0)
    assert claims.give_back([]) == 0


def test_claim_without_work_writes_nothing(
    organization: Organization, django_assert_num_queries: object
) -> None:
    Turn.objects.create(organization=organization)

    with django_assert_num_queries(1):  # type: ignore[operator]
        assert claim_jobs() == []
