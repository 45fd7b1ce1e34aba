"""kill -9 at any instant: what was answered with 202 ends, once, and is told of once."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from typing import Any

import pytest

from tests.factories.receiver import Receiver
from tests.faults.killing import Rampage, kill
from tests.faults.ledger import read_ledger
from tests.rig.servers import ServerProcess
from tests.rig.site import Site

pytestmark = pytest.mark.integration

KILLS = 3
LEASE = 2.0


@pytest.fixture
def place(site: Site) -> Site:
    site.settings = "tests.faults.settings"
    site.env |= {"RATE_LIMIT_REQUESTS": "100000", "SIGNALBOX_JOB_LEASE": f"{LEASE:g}"}
    return site


@pytest.mark.parametrize("seed", [20])
def test_random_kills_lose_no_job_and_end_none_twice(place: Site, seed: int) -> None:
    rampage = Rampage(place, random.Random(seed))

    ledger = rampage.run(KILLS)

    assert len(rampage.kills) == KILLS
    assert len(rampage.answered) > 20
    assert set(rampage.statuses) <= {0, 202}
    assert ledger.lost(rampage.answered) == set()
    assert ledger.told_other_than_once() == {}
    assert ledger.broken_channels() == {}


def test_all_in_one_killed_with_running_and_queued_jobs(place: Site) -> None:
    """Each caller is called back about each of its jobs, under one id however often."""
    with Receiver() as receiver:
        place.env |= {
            "SIGNALBOX_JOB_THREADS": "3",
            "SIGNALBOX_ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{receiver.port}",
        }
        server = place.start()
        running = [submit(server, receiver, seconds=1.5) for _ in range(3)]
        wait_until_running(server, running)
        queued = [submit(server, receiver, seconds=0.1) for _ in range(20)]

        kill(server, "everybody")
        place.start()
        ledger = read_ledger(place)
        heard = wait_for_calls(receiver, 23)

    assert ledger.waited <= LEASE + 30
    assert {one: state for one, (state, _) in ledger.jobs.items()} == dict.fromkeys(
        running + queued, "completed"
    )
    assert {ledger.jobs[one][1] for one in running} == {2}
    assert {ledger.jobs[one][1] for one in queued} <= {1, 2}
    assert ledger.told_other_than_once() == {}
    assert {job: len(ids) for job, ids in heard.items()} == dict.fromkeys(running + queued, 1)


def submit(server: ServerProcess, receiver: Receiver, *, seconds: float) -> str:
    body = {
        "kind": "demo.sleep",
        "payload": {"seconds": seconds},
        "callback_url": receiver.url("/done"),
    }
    answer = server.post("/api/v1/jobs", json=body)
    assert answer.status == 202, answer.text
    job: Any = answer.json()
    return str(job["job_id"])


def wait_until_running(server: ServerProcess, jobs: list[str]) -> None:
    until = time.monotonic() + 20
    while {server.get(f"/api/v1/jobs/{one}").json()["status"] for one in jobs} != {"running"}:
        assert time.monotonic() < until
        time.sleep(0.05)


def wait_for_calls(receiver: Receiver, count: int) -> dict[str, set[str]]:
    """The ids under which each job's end arrived."""
    until = time.monotonic() + 20
    while True:
        heard: dict[str, set[str]] = defaultdict(set)
        for one in receiver.at("/done"):
            heard[json.loads(one.body)["data"]["object"]["id"]].add(one.headers["webhook-id"])
        if len(heard) >= count or time.monotonic() > until:
            return heard
        time.sleep(0.1)
