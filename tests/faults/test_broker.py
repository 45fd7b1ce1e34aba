"""Celery workers killed with their children, and their broker killed and started empty, on either kind of broker."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults.ledger import read_ledger
from tests.faults.rabbit import Rabbit
from tests.rig.environment import ROOT
from tests.rig.process import Process
from tests.rig.servers import ServerProcess
from tests.rig.site import Site
from tests.rig.valkey import Valkey

pytest.importorskip("celery")
pytestmark = pytest.mark.integration

PRIORITIES = ("critical", "high", "normal", "low")


@pytest.fixture(params=["valkey", "rabbitmq"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Valkey | Rabbit]:
    make = Valkey if request.param == "valkey" else Rabbit
    made = make(tmp_path / "broker")
    yield made
    made.close()


@pytest.fixture
def place(site: Site, broker: Valkey | Rabbit) -> Site:
    site.env |= {
        "CELERY_BROKER_URL": broker.url(),
        "SIGNALBOX_JOB_LEASE": "3",
        "RATE_LIMIT_REQUESTS": "100000",
    }
    return site


def begin_celery(place: Site, number: int) -> Process:
    command = [
        sys.executable, "-m", "celery", "-A", "config", "worker", "--concurrency", "2",
        "--loglevel", "info", "--without-gossip", "--without-mingle",
    ]  # fmt: skip
    log = place.folder / f"celery-{number}.log"
    return Process(command, log=log, env=place.environment(), cwd=ROOT)


def wait_until_ready(worker: Process) -> None:
    worker.wait_until(lambda: " ready." in worker.log.read_text(), timeout=60, what="celery")


def test_killed_celery_and_emptied_broker_lose_no_job(place: Site, broker: Valkey | Rabbit) -> None:
    workers = [begin_celery(place, 0)]
    try:
        server = place.start()
        wait_until_ready(workers[0])
        long = [submit(server, seconds=2.0) for _ in range(2)]
        wait_until_running(server, long)
        queued = [submit(server, seconds=0.05, priority=one) for one in PRIORITIES]
        kill_family(workers[0])
        workers.append(begin_celery(place, 1))
        broker.kill()
        unheard = [submit(server, seconds=0.05) for _ in range(2)]
        broker.start()
        ledger = read_ledger(place, seconds=60)
    finally:
        for worker in workers:
            worker.close()

    assert {one: state for one, (state, _) in ledger.jobs.items()} == dict.fromkeys(
        long + queued + unheard, "completed"
    )
    assert {ledger.jobs[one][1] for one in long} == {2}
    assert {ledger.jobs[one][1] for one in queued + unheard} == {1}
    assert ledger.told_other_than_once() == {}
    assert ledger.broken_channels() == {}


def submit(server: ServerProcess, *, seconds: float, priority: str = "normal") -> str:
    body = {"kind": "demo.sleep", "payload": {"seconds": seconds}, "priority": priority}
    answer = server.post("/api/v1/jobs", json=body)
    assert answer.status == 202, answer.text
    return str(answer.json()["job_id"])


def wait_until_running(server: ServerProcess, jobs: list[str]) -> None:
    until = time.monotonic() + 20
    while {server.get(f"/api/v1/jobs/{one}").json()["status"] for one in jobs} != {"running"}:
        assert time.monotonic() < until
        time.sleep(0.05)


def kill_family(worker: Process) -> None:
    first = psutil.Process(worker.pid)
    for process in [first, *first.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    worker.kill()
