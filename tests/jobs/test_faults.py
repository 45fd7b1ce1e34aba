"""Worker processes that are killed, frozen, poisoned: every job ends once. Real processes, short leases, small counts."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from tests.rig.environment import ROOT
from tests.rig.process import Process
from tests.rig.servers import ServerProcess
from tests.rig.site import Site

pytestmark = pytest.mark.integration

LEASE = "2"
FINAL = {"completed", "failed", "cancelled"}
StartWorker = Callable[..., Process]


@pytest.fixture
def own_workers(site: Site) -> Site:
    """A site whose server brings no worker."""
    site.env |= {
        "SIGNALBOX_EMBEDDED_WORKER": "false",
        "SIGNALBOX_JOB_LEASE": LEASE,
        "SIGNALBOX_SHUTDOWN_GRACE": "5",
        "RATE_LIMIT_REQUESTS": "100000",
    }
    return site


@pytest.fixture
def start_worker(own_workers: Site) -> Iterator[StartWorker]:
    workers: list[Process] = []

    def start(threads: int = 3) -> Process:
        log = own_workers.folder / f"worker-{len(workers)}.log"
        command = [sys.executable, "manage.py", "worker", "--threads", str(threads)]
        worker = Process(command, log=log, env=own_workers.environment(), cwd=ROOT)
        workers.append(worker)
        worker.wait_until(lambda: "runs jobs" in log.read_text(), timeout=30, what="worker")
        return worker

    yield start
    for worker in workers:
        worker.signal(signal.SIGCONT)
        worker.close()


@pytest.fixture
def door(own_workers: Site) -> ServerProcess:
    return own_workers.start()


def submit(door: ServerProcess, **payload: Any) -> str:
    body = {"kind": "demo.sleep", "payload": {"seconds": 0.1, **payload}}
    answer = door.post("/api/v1/jobs", json=body)
    assert answer.status == 202, answer.json()
    job_id: str = answer.json()["job_id"]
    return job_id


def look(door: ServerProcess, job_id: str) -> dict[str, Any]:
    answer = door.get(f"/api/v1/jobs/{job_id}")
    assert answer.status == 200
    job: dict[str, Any] = answer.json()
    return job


def wait_for(
    door: ServerProcess, jobs: list[str], states: set[str], *, timeout: float = 40
) -> list[dict[str, Any]]:
    until = time.monotonic() + timeout
    while True:
        found = [look(door, job_id) for job_id in jobs]
        if all(job["status"] in states for job in found):
            return found
        if time.monotonic() > until:
            raise AssertionError([(job["status"], job["progress"]) for job in found])
        time.sleep(0.1)


def test_jobs_of_a_killed_worker_all_end_once(
    door: ServerProcess, start_worker: StartWorker
) -> None:
    worker = start_worker()
    running = [submit(door, seconds=2.0, steps=2) for _ in range(3)]
    queued = [submit(door) for _ in range(10)]
    wait_for(door, running, {"running"})

    worker.kill()
    start_worker()
    ended = wait_for(door, running + queued, FINAL)

    assert [job["status"] for job in ended] == 13 * ["completed"]
    assert {job["attempts"] for job in ended[:3]} == {2}
    assert {job["attempts"] for job in ended[3:]} == {1}
    news = door.get("/api/v1/events?topic=job.progress&limit=100").json()["data"]
    ends = [event["data"]["job_id"] for event in news if event["event"] == "jobs.job.completed"]
    assert sorted(ends) == sorted(running + queued)


def test_the_late_result_of_a_frozen_worker_is_refused(
    door: ServerProcess, start_worker: StartWorker
) -> None:
    frozen = start_worker(1)
    job = submit(door, seconds=1.0)
    wait_for(door, [job], {"running"})

    frozen.signal(signal.SIGSTOP)
    start_worker(1)
    (ended,) = wait_for(door, [job], FINAL)
    frozen.signal(signal.SIGCONT)
    time.sleep(2.5)

    after = look(door, job)
    assert (ended["status"], ended["attempts"]) == ("completed", 2)
    assert (after["finished_at"], after["attempts"]) == (ended["finished_at"], 2)
    assert frozen.is_running()


def test_a_poison_job_fails_and_the_others_complete(door: ServerProcess, own_workers: Site) -> None:
    own_workers.env["SIGNALBOX_EMBEDDED_WORKER"] = "true"
    keeper = own_workers.start()
    poison = submit(door, seconds=0.3, crash=True)
    others = [submit(door, seconds=0.2) for _ in range(6)]

    ended = wait_for(door, [poison, *others], FINAL, timeout=60)

    assert (ended[0]["status"], ended[0]["error"]["code"]) == ("failed", "worker_lost")
    assert ended[0]["attempts"] == 3
    assert [job["status"] for job in ended[1:]] == 6 * ["completed"]
    assert keeper.get("/health/live").status == 200


def test_sigterm_lets_a_short_job_end_and_gives_a_long_one_back(
    door: ServerProcess, start_worker: StartWorker
) -> None:
    worker = start_worker(2)
    long = submit(door, seconds=60.0)
    wait_for(door, [long], {"running"})
    short = submit(door, seconds=2.0)
    wait_for(door, [short], {"running"})

    began = time.monotonic()
    status = worker.terminate(timeout=10)

    assert status == 0
    assert time.monotonic() - began < 6
    assert [look(door, job)["status"] for job in (short, long)] == ["completed", "queued"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_embedded_worker_ends_with_its_server(site: Site, number: signal.Signals) -> None:
    site.env |= {"SIGNALBOX_EMBEDDED_WORKER": "true", "SIGNALBOX_SHUTDOWN_GRACE": "5"}
    server = site.start()
    job = submit(server)
    wait_for(server, [job], FINAL)
    family = psutil.Process(server.pid).children(recursive=True)
    workers = [each for each in family if "worker" in each.cmdline()]

    server.signal(number)
    _, alive = psutil.wait_procs(workers, timeout=10)

    assert (len(workers), alive) == (1, [])


def test_the_embedded_worker_is_started_anew(site: Site) -> None:
    site.env["SIGNALBOX_EMBEDDED_WORKER"] = "true"
    server = site.start()
    wait_for(server, [submit(server)], FINAL)
    family = psutil.Process(server.pid).children(recursive=True)
    (worker,) = (each for each in family if "worker" in each.cmdline())

    worker.kill()
    (ended,) = wait_for(server, [submit(server)], FINAL)

    assert ended["status"] == "completed"


def test_a_flood_of_one_organization_does_not_hold_up_another(
    door: ServerProcess, start_worker: StartWorker, own_workers: Site
) -> None:
    own_workers.manage(
        "bootstrap", "--organization", "second", "--email", "b@example.com",
        "--password", own_workers.password, "--role", "admin",
    )  # fmt: skip
    own_workers.manage("shell", "-c", FLOOD)
    start_worker(4)
    time.sleep(1)

    began = time.monotonic()
    own_workers.manage(
        "demo_job", "--organization", "second", "--seconds", "0", "--steps", "1", "--no-wait"
    )
    waiting = own_workers.manage("shell", "-c", WAIT_FOR_SECOND)

    assert time.monotonic() - began < 20
    assert float(waiting.strip().splitlines()[-1]) < 5.0


FLOOD = """
from apps.core.tenancy import organization_scope
from apps.jobs.models import Job
from apps.jobs.services import queue
from apps.jobs.tasks import DEMO_SLEEP, SleepPayload
from apps.tenants.models import Organization
first = Organization.objects.get(slug="acme")
with organization_scope(first.pk):
    payload = SleepPayload(seconds=0.5)
    Job.objects.bulk_create(
        [queue.build(DEMO_SLEEP, payload, organization_id=first.pk) for _ in range(2000)]
    )
    queue.wake_turn(first.pk, Job.objects.earliest("run_at").run_at)
"""
WAIT_FOR_SECOND = """
import time
from apps.core.tenancy import organization_scope
from apps.jobs.models import Job
from apps.tenants.models import Organization
with organization_scope(Organization.objects.get(slug="second").pk):
    while True:
        job = Job.objects.get()
        if job.started_at:
            break
        time.sleep(0.1)
print((job.started_at - job.created_at).total_seconds())
"""
