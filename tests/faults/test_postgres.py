"""PostgreSQL restarted at once, and frozen: callers hear 503 and when to come back, and nothing answered is lost."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.faults.crowd import NO_ANSWER, Call, Crowd
from tests.faults.ledger import read_ledger
from tests.rig.postgres import Postgres
from tests.rig.servers import ServerProcess
from tests.rig.site import Site

pytestmark = pytest.mark.integration

MAKE_KEY = Call("POST", "/api/v1/keys", {"name": "key {n}", "role": "viewer"})
SUBMIT = Call("POST", "/api/v1/jobs", {"kind": "demo.sleep", "payload": {"seconds": 0.05}})
LIST_KEYS = Call("GET", "/api/v1/keys?limit=5")
LIST_JOBS = Call("GET", "/api/v1/jobs?limit=5")
LIVE = Call("GET", "/health/live")
READY = Call("GET", "/health/ready")
RECOVERED_WITHIN = 10.0
ENDED_WITHIN = 10.0
FROZEN_SECONDS = 10.5


def status_of(server: ServerProcess, call: Call) -> int:
    return server.request(call.method, call.path).status


def test_restart_at_once_under_load_loses_no_answered_write(
    frail_site: Site, frail_postgres: Postgres
) -> None:
    server = frail_site.start()
    running = [submit_long(server) for _ in range(3)]
    crowd = Crowd(server.url, frail_site.key, [MAKE_KEY, SUBMIT, LIST_KEYS, LIST_JOBS])
    with crowd.calling():
        time.sleep(1.5)
        frail_postgres.stop_at_once()
        time.sleep(1.0)
        frail_postgres.start()
        back = time.monotonic()
        time.sleep(4.0)
    ledger = read_ledger(frail_site)

    assert set(crowd.statuses()) == {200, 201, 202, 503}
    refused = [one for one in crowd.replies if one.status == 503]
    assert {one.retry_after for one in refused} == {"2"}
    assert max(one.ended for one in refused) - back < RECOVERED_WITHIN
    assert max(one.seconds for one in crowd.replies) < ENDED_WITHIN
    assert {body["name"] for body in crowd.answered(MAKE_KEY, 201)} - set(ledger.keys) == set()
    taken = {body["job_id"] for body in crowd.answered(SUBMIT, 202)} | set(running)
    assert ledger.lost(taken) == set()
    assert {ledger.jobs[one][0] for one in taken} == {"completed"}
    assert ledger.told_other_than_once() == {}
    assert ledger.broken_channels() == {}
    assert server.is_running()


def submit_long(server: ServerProcess) -> str:
    body = {"kind": "demo.sleep", "payload": {"seconds": 3.0, "steps": 6}}
    answer: Any = server.post("/api/v1/jobs", json=body).json()
    return str(answer["job_id"])


def test_frozen_database_is_answered_for_within_ten_seconds(
    frail_site: Site, frail_postgres: Postgres
) -> None:
    server = frail_site.start()
    assert status_of(server, READY) == 200
    crowd = Crowd(server.url, frail_site.key, [MAKE_KEY, LIST_KEYS, SUBMIT], callers=24)
    probes = Crowd(server.url, frail_site.key, [LIVE, READY], callers=2)
    with crowd.calling(), probes.calling():
        time.sleep(1.0)
        frail_postgres.freeze()
        frozen_at = time.monotonic()
        time.sleep(FROZEN_SECONDS)
        frail_postgres.thaw()
        thawed_at = time.monotonic()
        time.sleep(3.0)
    ledger = read_ledger(frail_site)

    assert ended_between(crowd, frozen_at + 0.5, thawed_at) == {
        MAKE_KEY: {503}, LIST_KEYS: {503}, SUBMIT: {503},
    }  # fmt: skip
    assert ended_between(probes, frozen_at + 3.5, thawed_at) == {LIVE: {200}, READY: {503}}
    assert max(one.seconds for one in crowd.replies) <= ENDED_WITHIN
    assert max(one.seconds for one in probes.replies if one.call is LIVE) < 1.0
    assert max(one.seconds for one in probes.replies) < 4.0
    assert {one.status for one in crowd.since(thawed_at + 2.0)} <= {200, 201, 202}
    assert status_of(server, READY) == 200
    assert NO_ANSWER not in crowd.statuses()
    assert {body["name"] for body in crowd.answered(MAKE_KEY, 201)} - set(ledger.keys) == set()
    assert ledger.lost({body["job_id"] for body in crowd.answered(SUBMIT, 202)}) == set()
    assert ledger.told_other_than_once() == {}


def ended_between(crowd: Crowd, start: float, end: float) -> dict[Call, set[int]]:
    found = [one for one in crowd.replies if start < one.ended < end]
    return {call: {one.status for one in found if one.call is call} for call in crowd.calls}
