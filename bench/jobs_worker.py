"""One worker process on a database filled with trivial jobs; then single jobs, each at an odd moment.

Its own process, begun by `bench.jobs` with the database in the environment. Prints the row of the table.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import django

from bench.load import ROOT

ORGANIZATIONS = 4
SOON = 60
LIMIT_SECONDS = 300.0


def main(count: int, threads: int) -> None:
    django.setup()
    from django.core.management import call_command

    from apps.core.tenancy import unscoped

    call_command("migrate", verbosity=0)
    with unscoped(reason="a bench"):
        organizations = make_organizations()
        fill(organizations, count)
        with a_worker(threads):
            rate = rate_of(count)
            delays = [begin_one(organizations[0], number) for number in range(SOON)]
    claimed, begun = ([each[place] * 1000 for each in delays] for place in (0, 1))
    print(f"{rate:,.0f}", *(f"{value:.0f}" for waits in (claimed, begun) for value in of(waits)))


def of(waits: list[float]) -> tuple[float, float]:
    return statistics.median(waits), statistics.quantiles(waits, n=20)[18]


def make_organizations() -> list[Any]:
    from apps.tenants.models import Organization

    return [
        Organization.objects.create(slug=f"bench-{number}", name=f"Bench {number}")
        for number in range(ORGANIZATIONS)
    ]


def fill(organizations: list[Any], count: int) -> None:
    from apps.jobs.models import Job
    from apps.jobs.services import queue
    from apps.jobs.tasks import DEMO_SLEEP, SleepPayload

    payload = SleepPayload(seconds=0)
    rows = [
        queue.build(DEMO_SLEEP, payload, organization_id=organizations[n % ORGANIZATIONS].pk)
        for n in range(count)
    ]
    Job.objects.bulk_create(rows, batch_size=500)
    for organization in organizations:
        queue.wake_turn(organization.pk, rows[0].run_at)


@contextmanager
def a_worker(threads: int) -> Iterator[None]:
    command = [sys.executable, "manage.py", "worker", "--threads", str(threads)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def rate_of(count: int) -> float:
    from django.db.models import Max, Min

    from apps.jobs.models import Job

    until = time.monotonic() + LIMIT_SECONDS
    while Job.objects.filter(state="completed").count() < count:
        if time.monotonic() > until:
            raise SystemExit("the jobs did not end in time")
        time.sleep(0.5)
    times = Job.objects.aggregate(first=Min("started_at"), last=Max("finished_at"))
    return float(count / (times["last"] - times["first"]).total_seconds())


def begin_one(organization: Any, number: int) -> tuple[float, float]:
    """Seconds from a job's commit to its claim, and to the first line of its handler, which begins a step."""
    from apps.jobs.models import Job
    from apps.jobs.services import queue
    from apps.jobs.tasks import DEMO_SLEEP, SleepPayload

    time.sleep(0.05 + 0.013 * (number % 7))
    payload = SleepPayload(seconds=0, steps=2)
    job = queue.enqueue(DEMO_SLEEP, payload, organization_id=organization.pk)
    committed = datetime.now(UTC)
    while job.state != "completed":
        time.sleep(0.005)
        job = Job.objects.get(pk=job.pk)
    begun = datetime.fromisoformat(job.steps[0]["started_at"])
    assert job.started_at is not None
    return tuple(max(0.0, (at - committed).total_seconds()) for at in (job.started_at, begun))  # type: ignore[return-value]  # two of them


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
