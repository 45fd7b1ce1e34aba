from __future__ import annotations

from django.utils import timezone

from apps.core import bus
from apps.jobs import topics
from apps.jobs.models import Job
from apps.jobs.services import outcomes, queue, upkeep
from apps.jobs.services.groups import GROUP, GroupPayload
from apps.jobs.services.outcomes import Outcome
from apps.tenants.models import Organization
from tests.factories.queue import claim_jobs, fresh, make_job

ERROR = {"code": "broken", "message": "It broke."}


def make_group(organization: Organization, children: int) -> Job:
    group = queue.enqueue(GROUP, GroupPayload(), organization_id=organization.pk)
    for _ in range(children):
        make_job(organization, parent=group)
    return group


def test_a_group_runs_as_its_children_do_and_ends_with_the_last(
    organization: Organization, facts: list[bus.Fact]
) -> None:
    group = make_group(organization, 2)
    first, last = claim_jobs()
    assert (group.state, group.is_waiting) == ("running", True)

    outcomes.settle([Outcome(first)])
    halfway = fresh(group)
    outcomes.settle([Outcome(last, error=ERROR, is_final=True)])

    assert (halfway.state, halfway.progress, halfway.message) == ("running", 50.0, "1 of 2 done")
    ended = fresh(group)
    assert (ended.state, ended.progress, ended.is_waiting) == ("completed", 100.0, False)
    assert ended.result == {"total": 2, "completed": 1, "failed": 1, "cancelled": 0}
    assert [fact.topic for fact in facts if fact.object_id == group.public_id] == [
        topics.JOB_QUEUED,
        topics.JOB_PROGRESSED,
        topics.JOB_COMPLETED,
    ]


def test_progress_of_children_is_their_parents(organization: Organization) -> None:
    group = make_group(organization, 2)
    first, _ = claim_jobs()
    first.progress = 40.0

    outcomes.note_progress([first])

    assert fresh(group).progress == 20.0


def test_a_parent_whose_handler_is_done_waits_for_its_children(organization: Organization) -> None:
    parent = make_job(organization)
    (running,) = claim_jobs()
    child = make_job(organization, parent=parent)

    outcomes.settle([Outcome(running, result={"own": 1})])
    waiting = fresh(parent)
    outcomes.settle([Outcome(claim_jobs()[0])])

    assert (waiting.state, waiting.is_waiting, waiting.lease_until) == ("running", True, None)
    assert fresh(child).state == "completed"
    ended = fresh(parent)
    assert (ended.state, ended.result) == ("completed", {"own": 1})


def test_a_child_that_ends_first_leaves_its_parent_running(organization: Organization) -> None:
    parent = make_job(organization)
    claim_jobs()
    make_job(organization, parent=parent)

    outcomes.settle([Outcome(claim_jobs()[0])])

    assert fresh(parent).state == "running"


def test_groups_of_groups_end_together(organization: Organization) -> None:
    outer = queue.enqueue(GROUP, GroupPayload(), organization_id=organization.pk)
    inner = queue.enqueue(GROUP, GroupPayload(), organization_id=organization.pk, parent=outer)
    make_job(organization, parent=inner)

    outcomes.settle([Outcome(claim_jobs()[0])])

    assert [fresh(job).state for job in (inner, outer)] == ["completed", "completed"]


def test_heal_ends_a_parent_that_waits_for_nobody(organization: Organization) -> None:
    group, young = make_group(organization, 1), make_group(organization, 0)
    Job.objects.filter(parent=group).update(state="completed")

    assert upkeep.heal_now(now=timezone.now()) == 1
    assert (fresh(group).state, fresh(young).state) == ("completed", "running")
