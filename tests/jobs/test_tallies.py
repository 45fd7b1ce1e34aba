"""Counts of what became of jobs: gathered at the one place that announces it, added up, told by `/metrics`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from apps.core import metrics
from apps.core.tenancy import organization_scope, unscoped
from apps.jobs.domain.priorities import Priority
from apps.jobs.domain.tallies import BUCKETS, bucket_of
from apps.jobs.models import Job, Tally, Turn
from apps.jobs.services import claims, outcomes, submissions, tallies
from apps.jobs.services.outcomes import Outcome
from apps.tenants.models import Membership, Organization
from tests.factories.queue import claim_jobs, make_job
from tests.factories.tenants import actor_of
from tests.rig.site import Site

Series = dict[tuple[str, ...], float]


@pytest.fixture
def committed(django_capture_on_commit_callbacks: Any) -> Callable[[], Any]:
    """A context in which what waits for a commit is done at its end."""

    @contextmanager
    def within() -> Iterator[None]:
        with django_capture_on_commit_callbacks(execute=True):
            yield

    return within


def counts() -> dict[tuple[str, str], int]:
    with unscoped(reason="a test looks"):
        rows = Tally.objects.values_list("organization__slug", "outcome", "count")
        return {(slug, outcome): count for slug, outcome, count in rows}


def series(name: str, organization: str | None, *labels: str) -> Series:
    """The samples of one name, by these labels."""
    text = metrics.exposition(organization).decode()
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


@pytest.mark.unit
def test_bucket_of_includes_its_bound() -> None:
    assert [bucket_of(0.0), bucket_of(0.05), bucket_of(0.051), bucket_of(4000.0)] == [0, 0, 1, 11]


def test_ends_and_retries_are_counted_by_organization(
    organization: Organization, other: Organization, committed: Any
) -> None:
    for owner in (organization, organization, other):
        make_job(owner)
    with committed():
        jobs = claim_jobs()
        error = {"code": "x", "message": "x"}
        ours = [job for job in jobs if job.organization_id == organization.pk]
        theirs = [job for job in jobs if job.organization_id == other.pk]
        outcomes.settle(
            [Outcome(ours[0]), Outcome(ours[1], error=error, is_final=True)]
            + [Outcome(job, error=error) for job in theirs]
        )

    assert tallies.flush() == 3
    assert counts() == {("acme", "completed"): 1, ("acme", "failed"): 1, ("other", "retried"): 1}
    assert tallies.flush() == 0


def test_flush_adds_to_what_was_counted(organization: Organization, committed: Any) -> None:
    for _ in range(3):
        make_job(organization)
        with committed():
            outcomes.settle([Outcome(job) for job in claim_jobs()])
        tallies.flush()

    tally = Tally.objects.get()
    assert (tally.kind, tally.outcome, tally.count) == ("demo.sleep", "completed", 3)
    assert (sum(tally.buckets), len(tally.buckets)) == (3, len(BUCKETS) + 1)


def test_what_is_rolled_back_is_not_counted(organization: Organization) -> None:
    make_job(organization)
    outcomes.settle([Outcome(job) for job in claim_jobs()])

    assert tallies.flush() == 0


def test_lost_leases_are_counted(organization: Organization, committed: Any) -> None:
    make_job(organization)
    claim_jobs()

    with committed():
        claims.reclaim_lost(now=timezone.now() + timedelta(hours=1))

    tallies.flush()
    assert counts() == {("acme", "lost"): 1, ("acme", "retried"): 1}


def test_a_job_cancelled_before_its_turn_has_no_run_time(
    organization: Organization, user: Membership, committed: Any
) -> None:
    actor = actor_of(user)
    job = make_job(organization, actor=actor)

    with committed():
        submissions.cancel_job(actor=actor, job_id=job.public_id)

    tallies.flush()
    tally = Tally.objects.get()
    assert (tally.outcome, tally.count, sum(tally.buckets)) == ("cancelled", 1, 0)


def test_flush_that_fails_keeps_the_counts(
    organization: Organization, committed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_job(organization)
    with committed():
        outcomes.settle([Outcome(job) for job in claim_jobs()])

    def away(taken: Any) -> None:
        raise DatabaseError

    with monkeypatch.context() as broken:
        broken.setattr(tallies, "_write", away)
        with pytest.raises(DatabaseError):
            tallies.flush()

    assert tallies.flush() == 1
    assert counts() == {("acme", "completed"): 1}


def test_flush_leaves_out_who_is_gone(organization: Organization, committed: Any) -> None:
    make_job(organization)
    with committed():
        outcomes.settle([Outcome(job) for job in claim_jobs()])
    Turn.objects.all().delete()

    tallies.flush()

    assert counts() == {}


def test_metrics_tell_the_queue_of_each_organization(
    organization: Organization, other: Organization
) -> None:
    for priority in (Priority.HIGH, Priority.NORMAL, Priority.NORMAL):
        make_job(organization, priority=priority)
    make_job(organization, run_at=timezone.now() + timedelta(hours=1))
    make_job(other)
    claim_jobs(1, without=[other.pk])
    Job.objects.filter(state="queued", run_at__lt=timezone.now()).update(
        run_at=timezone.now() - timedelta(minutes=5)
    )

    number = organization.public_id
    assert series("signalbox_jobs", number, "kind", "state") == {
        ("demo.sleep", "queued"): 3.0,
        ("demo.sleep", "running"): 1.0,
    }
    assert series("signalbox_job_queue_depth", number, "priority") == {
        ("critical",): 0.0,
        ("high",): 0.0,
        ("normal",): 2.0,
        ("low",): 0.0,
    }
    (wait,) = series("signalbox_job_oldest_wait_seconds", number, "organization").values()
    assert 300 <= wait < 310
    whole = series("signalbox_job_queue_depth", None, "organization", "priority")
    assert whole[other.public_id, "normal"] == 1.0


def test_metrics_tell_what_became_of_jobs(
    organization: Organization, other: Organization, committed: Any
) -> None:
    for owner in (organization, organization, other):
        make_job(owner)
    with committed():
        jobs = claim_jobs()
        for job in jobs:
            job.started_at = timezone.now() - timedelta(seconds=3)
        outcomes.settle([Outcome(job) for job in jobs])
    tallies.flush()

    number = organization.public_id
    assert series("signalbox_jobs_ended_total", number, "organization", "kind", "state") == {
        (number, "demo.sleep", "completed"): 2.0
    }
    buckets = series("signalbox_job_run_seconds_bucket", number, "le")
    assert (buckets["1.0",], buckets["5.0",], buckets["+Inf",]) == (0.0, 2.0, 2.0)
    (total,) = series("signalbox_job_run_seconds_sum", number, "kind").values()
    assert 6.0 <= total < 7.0
    assert series("signalbox_job_leases_lost_total", number, "kind") == {}


def test_metrics_without_a_database_are_told_without_jobs(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(now: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr("apps.jobs.queries.metrics._unfinished", away)

    assert b"signalbox_requests" in metrics.exposition(None)
    assert b"signalbox_job" not in metrics.exposition(None)


@pytest.mark.integration
def test_server_tells_what_its_worker_did(site: Site) -> None:
    """The worker is another process than the one that is asked."""
    server = site.start(env={"METRICS_TOKEN": "a-token-for-the-scraper"})
    job = server.post("/api/v1/jobs", json={"kind": "demo.sleep", "payload": {"seconds": 0.1}})

    def told() -> str:
        return server.anonymous.get(
            "/metrics", headers={"Authorization": "Bearer a-token-for-the-scraper"}
        ).text

    wanted = 'signalbox_jobs_ended_total{kind="demo.sleep",organization="'
    for _ in range(150):
        if wanted in told():
            break
        server.get(job.json()["links"]["status"])
        time.sleep(0.1)
    text = told()

    (line,) = [line for line in text.splitlines() if line.startswith(wanted)]
    assert line.endswith('state="completed"} 1.0')
    with_key = server.get("/metrics").text
    assert line in with_key
    assert 'signalbox_job_queue_depth{organization="' in with_key


def test_scope_is_not_left_open(organization: Organization) -> None:
    with organization_scope(organization.pk):
        metrics.exposition(None)

        assert Tally.objects.count() == 0
