"""Many callers' submissions in one transaction: each gets what is theirs, and what is answered is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DataError, connection

from apps.core import bus
from apps.core.actor import Actor, Role
from apps.core.asgi.pool import InlinePool, use_pool
from apps.core.errors import Invalid, PermissionDenied, Unavailable
from apps.core.tenancy import unscoped
from apps.jobs import topics
from apps.jobs.errors import QueueFull
from apps.jobs.models import Job, Turn
from apps.jobs.services import intake, queue, submissions
from apps.jobs.services.submissions import Submission
from apps.tenants.models import Membership, Organization
from tests.factories.queue import claim_jobs, turn_of
from tests.factories.tenants import actor_of, make_member

pytestmark = pytest.mark.integration
GOOD = Submission("demo.sleep", {"seconds": 0.5}, "high")
WRONG = Submission("demo.sleep", {"seconds": -1})


@pytest.fixture
def actor(user: Membership) -> Actor:
    return actor_of(user)


@pytest.fixture
def foreigner(other: Organization) -> Actor:
    return actor_of(make_member(other))


@pytest.fixture
def inline() -> Iterator[None]:
    before = use_pool(InlinePool())
    yield
    use_pool(before)


def kept() -> list[Job]:
    with unscoped(reason="a test looks"):
        return list(Job.objects.order_by("id"))


def kinds_of(ends: list[Job | Exception]) -> list[type]:
    return [type(end) for end in ends]


# ------------------------------------------------------------------ submit_each


def test_submit_each_queues_for_each_organization(
    actor: Actor, foreigner: Actor, facts: list[bus.Fact]
) -> None:
    ends = submissions.submit_each(asked=[(actor, GOOD), (foreigner, GOOD), (actor, GOOD)])

    assert [job.public_id for job in kept()] == [
        end.public_id for end in ends if isinstance(end, Job)
    ]
    first, second, _ = kept()
    assert (first.organization_id, second.organization_id) == (
        actor.organization_id,
        foreigner.organization_id,
    )
    assert (first.kind, first.payload["seconds"], first.priority, first.state, first.creator) == (
        "demo.sleep",
        0.5,
        1,
        "queued",
        actor.principal,
    )
    assert [(each.topic, each.organization_id, each.actor, each.is_audited) for each in facts] == [
        (topics.JOB_QUEUED, who.organization_id, who, True) for who in (actor, foreigner, actor)
    ]
    assert len(claim_jobs()) == 3  # a worker sees both organisations' turns


def test_submit_each_tells_each_what_is_wrong_with_theirs(
    actor: Actor, organization: Organization, facts: list[bus.Fact]
) -> None:
    viewer = actor_of(make_member(organization, role=Role.VIEWER))

    ends = submissions.submit_each(asked=[(actor, WRONG), (actor, GOOD), (viewer, GOOD)])

    assert kinds_of(ends) == [Invalid, Job, PermissionDenied]
    assert len(kept()) == 1


def test_submit_each_of_nothing_good_writes_nothing(
    actor: Actor, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(2):  # the savepoint of the transaction
        submissions.submit_each(asked=[(actor, WRONG)])

    with unscoped(reason="a test looks"):
        assert (Job.objects.count(), Turn.objects.count()) == (0, 0)


def test_submit_each_keeps_to_the_queues_limit(actor: Actor, settings: Any) -> None:
    settings.SIGNALBOX_JOB_QUEUE_LIMIT = 2

    ends = submissions.submit_each(asked=[(actor, GOOD)] * 3)

    assert kinds_of(ends) == [Job, Job, QueueFull]
    assert len(kept()) == 2


def test_submit_each_asks_the_database_no_more_for_many(
    actor: Actor, organization: Organization
) -> None:
    submissions.submit_each(asked=[(actor, GOOD)])
    turn_of(organization)

    counts = []
    for number in (1, 50):
        before = len(connection.queries_log)
        connection.force_debug_cursor = True
        submissions.submit_each(asked=[(actor, GOOD)] * number)
        connection.force_debug_cursor = False
        counts.append(len(connection.queries_log) - before)

    assert counts[0] == counts[1]


def test_what_the_database_refuses_of_one_costs_the_others_nothing(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = queue.enqueue_each
    calls: list[int] = []

    def refuse(jobs: Any) -> None:
        together(jobs)
        calls.append(len(jobs))
        raise DataError("a value out of range")

    monkeypatch.setattr(queue, "enqueue_each", refuse)

    ends = submissions.submit_each(asked=[(actor, GOOD), (actor, WRONG), (actor, GOOD)])

    assert (calls, kinds_of(ends)) == ([2], [Job, Invalid, Job])
    assert [job.public_id for job in kept()] == [
        end.public_id for end in ends if isinstance(end, Job)
    ]


# ------------------------------------------------------------------ the intake


def run_together(actor: Actor, asked: list[Submission]) -> list[Job | BaseException]:
    async def all_of_them() -> list[Job | BaseException]:
        door = intake.intake()
        return await asyncio.gather(
            *(door.submit(actor=actor, asked=one) for one in asked), return_exceptions=True
        )

    return asyncio.run(all_of_them())


@pytest.mark.usefixtures("inline")
def test_whoever_comes_meanwhile_goes_with_the_next_batch(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    together = submissions.submit_each

    def note(*, asked: list[Any]) -> list[Job | Exception]:
        batches.append(len(asked))
        return together(asked=asked)

    monkeypatch.setattr(submissions, "submit_each", note)
    monkeypatch.setattr(intake, "MOST_TOGETHER", 4)

    ends = run_together(actor, [GOOD] * 10)

    assert batches == [4, 4, 2]
    assert [end.public_id for end in ends if isinstance(end, Job)] == [
        job.public_id for job in kept()
    ]


@pytest.mark.usefixtures("inline")
def test_each_caller_is_told_their_own_error(actor: Actor) -> None:
    ends = run_together(actor, [GOOD, WRONG, GOOD])

    assert [type(end) for end in ends] == [Job, Invalid, Job]


@pytest.mark.usefixtures("inline")
def test_when_the_batch_fails_all_are_told_and_the_next_is_taken(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*, asked: list[Any]) -> list[Job | Exception]:
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(submissions, "submit_each", fail)
        ends = run_together(actor, [GOOD, GOOD])
    after = run_together(actor, [GOOD])

    assert [type(end) for end in (*ends, *after)] == [OSError, OSError, Job]
    assert len(kept()) == 1


@pytest.mark.usefixtures("inline")
def test_a_caller_who_leaves_holds_up_nobody(actor: Actor) -> None:
    async def leave() -> Job:
        door = intake.intake()
        left = asyncio.create_task(door.submit(actor=actor, asked=GOOD))
        stays = asyncio.create_task(door.submit(actor=actor, asked=GOOD))
        await asyncio.sleep(0)
        left.cancel()
        return await stays

    job = asyncio.run(leave())

    assert job.public_id in [each.public_id for each in kept()]


def test_too_many_waiting_are_refused(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST_WAITING", 0)

    (end,) = run_together(actor, [GOOD])

    assert type(end) is Unavailable
