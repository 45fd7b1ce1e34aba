"""Jobs as Prometheus series. Read from the database when `/metrics` is asked, so any process tells of all workers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import accumulate
from typing import Any

from django.db import DatabaseError
from django.db.models import Count, Min, Q
from django.utils import timezone
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from apps.core.tenancy import unscoped
from apps.jobs.domain.priorities import Priority
from apps.jobs.domain.states import FINAL, State
from apps.jobs.domain.tallies import BUCKETS, LOST, RETRIED
from apps.jobs.models import UNFINISHED, Job, Tally, Turn

REASON = "the metrics' door shows each organization its own series"
ORGANIZATION = "organization__public_id"


class JobSeries:
    """A collector for the registry. While the database is away there are no such series."""

    def collect(self) -> Iterator[Metric]:
        try:
            with unscoped(reason=REASON):
                families = [*_unfinished(timezone.now()), *_ended()]
        except DatabaseError:
            return
        yield from families


def _unfinished(now: datetime) -> list[Metric]:
    jobs = GaugeMetricFamily(
        "signalbox_jobs", "Jobs that have not ended.", labels=["organization", "kind", "state"]
    )
    depth = GaugeMetricFamily(
        "signalbox_job_queue_depth",
        "Jobs that are due and not begun.",
        labels=["organization", "priority"],
    )
    oldest = GaugeMetricFamily(
        "signalbox_job_oldest_wait_seconds",
        "How long the job has waited that is due for longest.",
        labels=["organization"],
    )
    by_kind: defaultdict[tuple[str, ...], int] = defaultdict(int)
    due = {
        (organization, priority.word): 0
        for organization in Turn.objects.values_list(ORGANIZATION, flat=True)
        for priority in Priority
    }
    since = {organization: now for organization, _ in due}
    for organization, kind, state, priority, count, count_due, earliest in _groups(now):
        by_kind[organization, kind, state] += count
        if state == State.QUEUED and count_due:
            key = (organization, Priority(priority).word)
            due[key] = due.get(key, 0) + count_due
            since[organization] = min(since.get(organization, now), earliest)
    for labels, count in sorted(by_kind.items()):
        jobs.add_metric(list(labels), count)
    for labels, count in sorted(due.items()):
        depth.add_metric(list(labels), count)
    for organization, moment in sorted(since.items()):
        oldest.add_metric([organization], (now - moment).total_seconds())
    return [jobs, depth, oldest]


def _groups(now: datetime) -> Any:
    unfinished = Job.objects.filter(state__in=UNFINISHED).order_by()
    return unfinished.values_list(ORGANIZATION, "kind", "state", "priority").annotate(
        count=Count("pk"),
        count_due=Count("pk", filter=Q(run_at__lte=now)),
        earliest=Min("run_at"),
    )


def _ended() -> list[Metric]:
    ended = CounterMetricFamily(
        "signalbox_jobs_ended",
        "Jobs that have ended, by how.",
        labels=["organization", "kind", "state"],
    )
    retried, lost = (
        CounterMetricFamily(name, text, labels=["organization", "kind"])
        for name, text in (
            ("signalbox_job_retries", "Attempts after which a job was queued again."),
            ("signalbox_job_leases_lost", "Leases that ran out under a worker that died or slept."),
        )
    )
    columns = (ORGANIZATION, "kind", "outcome", "count", "seconds", "buckets")
    rows = list(Tally.objects.order_by("pk").values_list(*columns))
    for organization, kind, outcome, count, *_ in rows:
        if outcome in FINAL:
            ended.add_metric([organization, kind, outcome], count)
        elif outcome in (RETRIED, LOST):
            family = retried if outcome == RETRIED else lost
            family.add_metric([organization, kind], count)
    return [ended, retried, lost, _run_seconds(rows)]


def _run_seconds(rows: list[Any]) -> Metric:
    family = HistogramMetricFamily(
        "signalbox_job_run_seconds",
        "From the start of the last attempt to the job's end.",
        labels=["organization", "kind"],
    )
    sums: dict[tuple[str, str], tuple[float, list[int]]] = {}
    for organization, kind, outcome, _, seconds, buckets in rows:
        if outcome in FINAL:
            before = sums.get((organization, kind), (0.0, [0] * len(buckets)))
            added = [a + b for a, b in zip(before[1], buckets, strict=True)]
            sums[organization, kind] = (before[0] + seconds, added)
    bounds = [*map(str, BUCKETS), "+Inf"]
    for (organization, kind), (seconds, buckets) in sorted(sums.items()):
        cumulated = list(zip(bounds, map(float, accumulate(buckets)), strict=True))
        family.add_metric([organization, kind], cumulated, sum_value=seconds)
    return family
