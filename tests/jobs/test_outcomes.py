from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.core import bus
from apps.jobs import topics
from apps.jobs.models import Job
from apps.jobs.services import outcomes
from apps.jobs.services.outcomes import Outcome
from apps.tenants.models import Organization
from tests.factories.queue import claim_jobs, fresh, make_job

ERROR = {"code": "broken", "message": "It broke."}


@pytest.fixture
def job(organization: Organization, facts: list[bus.Fact]) -> Job:
    """A running job."""
    make_job(organization)
    (claimed,) = claim_jobs()
    facts.clear()
    return claimed


def test_settle_completes(job: Job, facts: list[bus.Fact]) -> None:
    job.steps = [{"name": "one", "started_at": "x", "ended_at": None}]

    assert outcomes.settle([Outcome(job, result={"n": 1})]) == 1

    kept = fresh(job)
    assert (kept.state, kept.result, kept.error, kept.progress) == (
        "completed",
        {"n": 1},
        None,
        100,
    )
    assert kept.finished_at is not None
    assert kept.lease_until is None
    assert kept.steps[0]["ended_at"] is not None
    assert [(fact.topic, fact.data["result"]) for fact in facts] == [
        (topics.JOB_COMPLETED, {"n": 1})
    ]


AWKWARD = "a\tb\\N \r\n\u2028 \"'%s {} Grüße, 世界 🎉"


@pytest.mark.parametrize(
    "result", [None, [], {}, "", 0, False, [None], AWKWARD, {AWKWARD: [0.1, -1.5e-7, 2**63 - 1]}]
)
def test_settle_keeps_any_result_and_message(job: Job, result: object) -> None:
    job.message, job.steps = AWKWARD, [{"name": AWKWARD, "ended_at": "x"}]

    outcomes.settle([Outcome(job, result=result)])

    kept = fresh(job)
    assert (kept.result, type(kept.result)) == (result, type(result))
    assert (kept.message, kept.steps, kept.finished_at) == (
        AWKWARD,
        [{"name": AWKWARD, "ended_at": "x"}],
        job.finished_at,
    )
    assert Job.objects.filter(pk=job.pk, result__isnull=True).exists() is (result is None)


def test_settle_of_many_stands_or_falls_as_one(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        make_job(organization)
    claimed = claim_jobs()
    taken: list[str] = []

    def full(fact: bus.Fact) -> None:
        taken.append(fact.topic)
        if len(taken) == 3:
            raise OSError("the disk is full")

    monkeypatch.setattr(bus, "_sinks", lambda: (full,))
    with pytest.raises(OSError, match="full"):
        outcomes.settle([Outcome(each, result=1) for each in claimed])

    assert [fresh(each).state for each in claimed] == ["running"] * 3
    monkeypatch.setattr(bus, "_sinks", lambda: (taken.append,))
    assert outcomes.settle([Outcome(each, result=1) for each in claimed]) == 3
    assert outcomes.settle([Outcome(each, result=2) for each in claimed]) == 0
    assert [(fresh(each).state, fresh(each).result) for each in claimed] == [("completed", 1)] * 3


def test_settle_a_second_time_changes_nothing(job: Job, facts: list[bus.Fact]) -> None:
    outcomes.settle([Outcome(job, result=1)])

    assert outcomes.settle([Outcome(job, error=ERROR, is_final=True)]) == 0
    assert fresh(job).state == "completed"
    assert len(facts) == 1


def test_settle_tries_a_failed_attempt_again_after_a_pause(job: Job, facts: list[bus.Fact]) -> None:
    before = timezone.now()

    outcomes.settle([Outcome(job, error=ERROR)])

    kept = fresh(job)
    assert (kept.state, kept.error, kept.finished_at) == ("queued", ERROR, None)
    assert kept.run_at >= before + timedelta(seconds=0.5)
    assert [fact.topic for fact in facts] == [topics.JOB_RETRIED]


def test_settle_fails_the_last_attempt(job: Job, facts: list[bus.Fact]) -> None:
    job.attempts = job.max_attempts

    outcomes.settle([Outcome(job, error=ERROR)])

    kept = fresh(job)
    assert (kept.state, kept.error) == ("failed", ERROR)
    assert [fact.topic for fact in facts] == [topics.JOB_FAILED]


def test_settle_fails_a_final_error_at_once(job: Job) -> None:
    outcomes.settle([Outcome(job, error=ERROR, is_final=True)])

    assert fresh(job).state == "failed"


def test_settle_cancels(job: Job, facts: list[bus.Fact]) -> None:
    outcomes.settle([Outcome(job, is_cancelled=True)])

    assert fresh(job).state == "cancelled"
    assert [fact.topic for fact in facts] == [topics.JOB_CANCELLED]


def test_settle_writes_many_and_leaves_the_lost(
    organization: Organization, facts: list[bus.Fact]
) -> None:
    for _ in range(3):
        make_job(organization)
    first, lost, last = claim_jobs()
    Job.objects.filter(pk=lost.pk).update(claim=7)

    written = outcomes.settle([Outcome(each, result=each.pk) for each in (first, lost, last)])

    assert written == 2
    assert [fresh(each).state for each in (first, lost, last)] == [
        "completed",
        "running",
        "completed",
    ]


def test_note_progress_keeps_what_is_ours(job: Job, facts: list[bus.Fact]) -> None:
    job.progress, job.message = 41.5, "on the way"

    assert outcomes.note_progress([job]) == {job.pk}

    kept = fresh(job)
    assert (kept.progress, kept.message) == (41.5, "on the way")
    assert [(fact.topic, fact.is_audited) for fact in facts] == [(topics.JOB_PROGRESSED, False)]


def test_note_progress_of_a_lost_claim_writes_nothing(job: Job, facts: list[bus.Fact]) -> None:
    Job.objects.filter(pk=job.pk).update(claim=7)
    job.progress = 41.5

    assert outcomes.note_progress([job]) == set()
    assert fresh(job).progress == 0
    assert facts == []
