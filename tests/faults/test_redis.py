"""Redis killed and started again empty, and frozen, while jobs run and sockets listen."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Any

import aiohttp
import pytest

from tests.faults.crowd import Call, Crowd
from tests.faults.ledger import read_ledger
from tests.faults.sockets import Socket
from tests.rig.servers import ServerProcess
from tests.rig.site import Site
from tests.rig.valkey import Valkey

pytestmark = pytest.mark.integration

SUBMIT = Call("POST", "/api/v1/jobs", {"kind": "demo.sleep", "payload": {"seconds": 0.3}})
LIST_JOBS = Call("GET", "/api/v1/jobs?limit=5")
TOPIC = "job.progress"


async def test_killed_and_started_empty_loses_no_job_and_no_event(
    redis_site: Site, redis: Valkey
) -> None:
    """Two server processes, a socket at each: what one numbers, the other hears of by Redis or by looking."""
    first = await asyncio.to_thread(redis_site.start)
    second = await asyncio.to_thread(redis_site.start, env={"SIGNALBOX_EMBEDDED_WORKER": "false"})
    crowds = [
        Crowd(one.url, redis_site.key, [SUBMIT, LIST_JOBS], callers=3) for one in (first, second)
    ]
    async with aiohttp.ClientSession() as session:
        sockets = [
            await Socket.open(session, one, redis_site.key, TOPIC) for one in (first, second)
        ]
        await asyncio.to_thread(break_redis_under, crowds, redis)
        ledger = await asyncio.to_thread(read_ledger, redis_site)
        last = max(max(numbers) for channel, numbers in ledger.numbers.items() if TOPIC in channel)
        heard = [await socket.hear_up_to(last) for socket in sockets]

    assert heard == [list(range(1, last + 1))] * 2
    for crowd in crowds:
        assert set(crowd.statuses()) == {200, 202, 503}
        assert {one.status for one in crowd.replies if one.call is LIST_JOBS} == {200}
        assert max(one.seconds for one in crowd.replies) < 5.0
    taken = {body["job_id"] for crowd in crowds for body in crowd.answered(SUBMIT, 202)}
    assert ledger.lost(taken) == set()
    assert ledger.told_other_than_once() == {}
    assert ledger.broken_channels() == {}


def break_redis_under(crowds: list[Crowd], redis: Valkey) -> None:
    with crowds[0].calling(), crowds[1].calling():
        time.sleep(1.5)
        redis.kill()
        time.sleep(2.5)
        redis.start()
        back = time.monotonic()
        time.sleep(3.0)
    for crowd in crowds:
        assert {one.status for one in crowd.since(back + 1.5)} == {200, 202}


async def test_while_redis_is_frozen_running_jobs_are_followed_and_writes_refused(
    redis_site: Site, redis: Valkey
) -> None:
    server = await asyncio.to_thread(redis_site.start)
    job = await asyncio.to_thread(submit, server)
    async with aiohttp.ClientSession() as session:
        socket = await Socket.open(session, server, redis_site.key, TOPIC)
        await socket.hear(1)
        redis.signal(signal.SIGSTOP)
        frozen_at = time.monotonic()
        events = [await socket.receive() for _ in range(4)]
        heard_after = time.monotonic() - frozen_at
        write = await asyncio.to_thread(server.post, SUBMIT.path, json=SUBMIT.body)
        read = await asyncio.to_thread(server.get, f"/api/v1/jobs/{job}")
        redis.signal(signal.SIGCONT)

    assert {event["data"]["job_id"] for event in events} == {job}
    assert heard_after < 4.0
    assert (write.status, write.headers["Retry-After"], read.status) == (503, "2", 200)
    assert (await asyncio.to_thread(read_ledger, redis_site)).jobs == {job: ("completed", 1)}


def submit(server: ServerProcess) -> str:
    body = {"kind": "demo.sleep", "payload": {"seconds": 5.0, "steps": 5}}
    answer: Any = server.post("/api/v1/jobs", json=body).json()
    return str(answer["job_id"])


def test_an_emptied_redis_counts_anew_and_a_login_is_refused_without_it(
    redis_site: Site, redis: Valkey
) -> None:
    """Reads go on uncounted while it is away; a login, whose limiter is its guard, does not."""
    server = redis_site.start(env={"SIGNALBOX_EMBEDDED_WORKER": "false"})
    limited = server.as_key(redis_site.mint_key("user", "--limit", "all=3/m"))
    counted = [limited.get(LIST_JOBS.path).status for _ in range(4)]
    login = {"email": redis_site.email, "password": redis_site.password}
    before = server.anonymous.post("/api/v1/auth/login", json=login).status

    redis.kill()
    away = [limited.get(LIST_JOBS.path).status for _ in range(4)]
    refused = server.anonymous.post("/api/v1/auth/login", json=login)
    redis.start()
    back = [limited.get(LIST_JOBS.path).status for _ in range(4)]
    after = server.anonymous.post("/api/v1/auth/login", json=login).status

    assert (counted, before) == ([200, 200, 200, 429], 200)
    assert (away, refused.status, refused.headers["Retry-After"]) == ([200] * 4, 503, "2")
    assert (back, after) == ([200, 200, 200, 429], 200)
