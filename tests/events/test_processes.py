"""Several real server processes on one database: every event once, in order, whoever dies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.rig.servers import ServerProcess
from tests.rig.site import Site
from tests.rig.sites import MakeSite

pytestmark = [pytest.mark.integration, pytest.mark.no_jobs]

TOPIC = "audit.events"


def make_keys(server: ServerProcess, count: int) -> list[str]:
    """Deeds that the audit topic tells of."""
    return [
        server.post("/api/v1/keys", json={"name": f"key {n}", "role": "user"}).json()["id"]
        for n in range(count)
    ]


async def open_socket(session: aiohttp.ClientSession, server: ServerProcess, key: str) -> Any:
    socket = await session.ws_connect(
        f"{server.websocket_url}/ws", headers={"Authorization": f"Bearer {key}"}
    )
    await socket.send_json({"type": "subscribe", "topics": [TOPIC]})
    await socket.receive_json(timeout=10)
    return socket


async def hear(socket: Any, count: int) -> list[tuple[int, str]]:
    frames = [await socket.receive_json(timeout=15) for _ in range(count)]
    return [(frame["seq"], frame["data"]["object"]["id"]) for frame in frames]


async def lines(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, str]]:
    """The events of a stream, field by field."""
    fields: dict[str, str] = {}
    async for raw in answer.content:
        line = raw.decode().rstrip("\n")
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields.get("data"):
            yield fields
            fields = {}


async def read_events(answer: aiohttp.ClientResponse, count: int) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    async with asyncio.timeout(15):
        async for fields in lines(answer):
            found.append(fields)
            if len(found) == count:
                break
    return found


@pytest.mark.parametrize("redis", [True, False])
async def test_event_of_one_process_reaches_the_sockets_of_another_once(
    make_site: MakeSite, redis: bool
) -> None:
    site = make_site(redis=redis)
    first = await asyncio.to_thread(site.start)
    second = await asyncio.to_thread(site.start)
    async with aiohttp.ClientSession() as session:
        sockets = [await open_socket(session, server, site.key) for server in (first, second)]
        ids = await asyncio.to_thread(make_keys, first, 3)
        ids += await asyncio.to_thread(make_keys, second, 3)
        heard = [await hear(socket, 6) for socket in sockets]

    start = heard[0][0][0]
    expected = [(start + n, identifier) for n, identifier in enumerate(ids)]
    assert heard == [expected, expected]


async def test_killed_sequencer_is_followed_by_the_next(make_site: MakeSite) -> None:
    site = make_site(redis=True)
    first = await asyncio.to_thread(site.start)
    second = await asyncio.to_thread(site.start)
    async with aiohttp.ClientSession() as session:
        await open_socket(session, first, site.key)
        socket = await open_socket(session, second, site.key)
        ids = await asyncio.to_thread(make_keys, first, 2)
        heard = await hear(socket, 2)
        await asyncio.to_thread(first.kill)
        ids += await asyncio.to_thread(make_keys, second, 3)
        heard += await hear(socket, 3)

    start = heard[0][0]
    assert heard == [(start + n, identifier) for n, identifier in enumerate(ids)]


async def test_stream_goes_on_where_it_was_on_another_process(make_site: MakeSite) -> None:
    site = make_site(redis=True)
    first = await asyncio.to_thread(site.start)
    second = await asyncio.to_thread(site.start)
    headers = {"Authorization": f"Bearer {site.key}"}
    path = f"/api/v1/events/stream?topic={TOPIC}"
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(first.url + path) as answer:
            hello = await read_events(answer, 1)
            ids = await asyncio.to_thread(make_keys, second, 2)
            found = await read_events(answer, 1)
        ids += await asyncio.to_thread(make_keys, first, 1)
        resume = {"Last-Event-ID": found[-1]["id"]}
        async with session.get(second.url + path, headers=resume) as answer:
            again = (await read_events(answer, 3))[1:]
            await asyncio.to_thread(second.terminate)
            end = await read_events(answer, 1)

    told = [json.loads(event["data"]) for event in (*found, *again)]
    start = int(hello[0]["id"].partition(":")[2]) + 1
    assert [(one["seq"], one["data"]["object"]["id"]) for one in told] == [
        (start + n, identifier) for n, identifier in enumerate(ids)
    ]
    assert (end[0]["event"], json.loads(end[0]["data"])["reason"]) == ("end", "restart")


async def test_stream_of_a_revoked_key_ends_within_five_seconds(
    site: Site, server: ServerProcess
) -> None:
    made = await asyncio.to_thread(
        lambda: server.post("/api/v1/keys", json={"name": "reader", "role": "user"}).json()
    )
    headers = {"Authorization": f"Bearer {made['key']}"}
    url = f"{server.url}/api/v1/events/stream?topic=job.*"
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(url) as answer,
    ):
        await read_events(answer, 1)
        await asyncio.to_thread(server.request, "DELETE", f"/api/v1/keys/{made['id']}")
        async with asyncio.timeout(5):
            (end,) = await read_events(answer, 1)

    assert json.loads(end["data"])["reason"] == "unauthenticated"


async def test_readings_flow_while_somebody_follows(site: Site, server: ServerProcess) -> None:
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(
            f"{server.websocket_url}/ws", headers={"Authorization": f"Bearer {site.key}"}
        )
        await socket.send_json({"type": "subscribe", "topics": ["system.*"]})
        await socket.receive_json(timeout=10)
        events = [await socket.receive_json(timeout=15) for _ in range(2)]

    assert [(one["topic"], one["event"], one["seq"]) for one in events] == [
        ("system.metrics", "system.metrics.read", 1),
        ("system.metrics", "system.metrics.read", 2),
    ]
    assert set(events[0]["data"]) == {
        "process",
        "cpu_percent",
        "memory_bytes",
        "loop_lag_ms",
        "pool_waiting",
        "pool_threads",
        "sockets",
        "queue_depth",
    }
    assert (events[0]["data"]["sockets"], events[0]["data"]["queue_depth"]) == (1, 0)
