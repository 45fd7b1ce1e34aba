"""`python -m bench.jobs`: how many trivial jobs one worker process gets through, and how soon a job is begun.

On SQLite, and with `--postgres` on a PostgreSQL of its own (whose durability is off, as in the tests).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ORGANIZATIONS = 4
SOON = 60
LIMIT_SECONDS = 300.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.jobs", description=__doc__)
    parser.add_argument("--jobs", type=int, default=4000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        measure(options.jobs, options.threads)
        return
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(
        "| database | jobs/s of one worker | begun after, p50 | p95 |\n|---|---|---|---|",
        flush=True,
    )
    with TemporaryDirectory(prefix="signalbox-bench-") as folder:
        for name, url in databases(Path(folder), options.postgres):
            arguments = ["--jobs", str(options.jobs), "--threads", str(options.threads)]
            done = subprocess.run(
                [sys.executable, "-m", "bench.jobs", "--inside", *arguments],
                cwd=ROOT,
                env={
                    **os.environ,
                    "DATABASE_URL": url,
                    "SIGNALBOX_DATA_DIR": str(Path(folder) / name),
                    "SIGNALBOX_JOB_QUEUE_LIMIT": "1000000",
                    "DJANGO_SETTINGS_MODULE": "config.settings.development",
                },
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            print(f"| {name} | {done.stdout.strip()} |", flush=True)


def databases(folder: Path, has_postgres: bool) -> Iterator[tuple[str, str]]:
    yield "SQLite", f"sqlite:///{folder / 'bench.sqlite3'}"
    if has_postgres:
        from tests.rig.postgres import Postgres

        with TemporaryDirectory(prefix="signalbox-postgres-") as place:
            server = Postgres(Path(place))
            try:
                yield "PostgreSQL", server.url("postgres")
            finally:
                server.close()


def measure(count: int, threads: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from apps.core.tenancy import unscoped

    call_command("migrate", verbosity=0)
    with unscoped(reason="a bench"):
        organizations = make_organizations()
        fill(organizations, count)
        with a_worker(threads):
            rate = rate_of(count)
            delays = begin_delays(organizations[0])
    print(
        f"{rate:,.0f} | {statistics.median(delays) * 1000:.0f} ms "
        f"| {statistics.quantiles(delays, n=20)[18] * 1000:.0f} ms"
    )


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


def begin_delays(organization: Any) -> list[float]:
    """From the commit to the claim, one job at a time, at odd moments."""
    from apps.jobs.models import Job
    from apps.jobs.services import queue
    from apps.jobs.tasks import DEMO_SLEEP, SleepPayload

    delays = []
    for number in range(SOON):
        time.sleep(0.05 + 0.013 * (number % 7))
        job = queue.enqueue(DEMO_SLEEP, SleepPayload(seconds=0), organization_id=organization.pk)
        committed = datetime.now(UTC)
        while True:
            started = Job.objects.values_list("started_at", flat=True).get(pk=job.pk)
            if started is not None:
                break
            time.sleep(0.005)
        delays.append(max(0.0, (started - committed).total_seconds()))
    return delays


if __name__ == "__main__":
    main()
