"""The same jobs on Celery workers and a real broker: killed workers, a broker emptied, a broker away."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator

import pytest
import redis

from tests.jobs.test_faults import FINAL, look, submit, wait_for
from tests.rig.environment import ROOT
from tests.rig.process import Process
from tests.rig.site import Site
from tests.rig.valkey import Valkey

pytest.importorskip("celery")
pytestmark = pytest.mark.integration


@pytest.fixture
def broker(site: Site) -> Iterator[Valkey]:
    valkey = Valkey(site.folder / "broker")
    site.env |= {
        "CELERY_BROKER_URL": valkey.url(),
        "SIGNALBOX_JOB_LEASE": "3",
        "RATE_LIMIT_REQUESTS": "100000",
    }
    yield valkey
    valkey.close()


@pytest.fixture
def start_celery(site: Site, broker: Valkey) -> Iterator[object]:
    workers: list[Process] = []

    def start() -> Process:
        log = site.folder / f"celery-{len(workers)}.log"
        command = [
            sys.executable, "-m", "celery", "-A", "config", "worker", "--concurrency", "2",
            "--loglevel", "info", "--without-gossip", "--without-mingle",
        ]  # fmt: skip
        worker = Process(command, log=log, env=site.environment(), cwd=ROOT)
        workers.append(worker)
        worker.wait_until(lambda: " ready." in log.read_text(), timeout=40, what="celery")
        return worker

    yield start
    for worker in workers:
        worker.close()


def test_celery_workers_run_jobs_and_lose_none(
    site: Site, broker: Valkey, start_celery: object
) -> None:
    server = site.start()
    waiting = [submit(server, seconds=0.1) for _ in range(3)]
    redis.Redis.from_url(broker.url()).flushall()  # the messages are gone, the rows are not
    first = start_celery()  # type: ignore[operator]
    assert {job["status"] for job in wait_for(server, waiting, FINAL)} == {"completed"}

    long = submit(server, seconds=3.0)
    wait_for(server, [long], {"running"})
    first.signal(signal.SIGKILL)
    start_celery()  # type: ignore[operator]
    (again,) = wait_for(server, [long], FINAL)
    assert (again["status"], again["attempts"]) == ("completed", 2)

    poison, healthy = submit(server, seconds=0.1, crash=True), submit(server, seconds=0.1)
    ended = wait_for(server, [poison, healthy], FINAL, timeout=60)
    assert [job["status"] for job in ended] == ["failed", "completed"]


def test_a_broker_that_is_away_refuses_no_job(site: Site, broker: Valkey) -> None:
    server = site.start()
    broker.close()

    job = submit(server)

    assert look(server, job)["status"] == "queued"
