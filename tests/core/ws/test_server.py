"""The sockets of a real server process: threads, flow control and signals as they will be."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Any

import aiohttp
import pytest

from tests.rig.servers import ServerProcess
from tests.rig.site import Site

pytestmark = [pytest.mark.integration, pytest.mark.no_jobs]

SUBSCRIBE = {"type": "subscribe", "topics": ["audit.events"]}


async def open_socket(session: aiohttp.ClientSession, server: ServerProcess, key: str) -> Any:
    socket = await session.ws_connect(
        f"{server.websocket_url}/ws", headers={"Authorization": f"Bearer {key}"}, max_msg_size=0
    )
    await socket.send_json(SUBSCRIBE)
    assert await socket.receive_json(timeout=10) == {
        "type": "subscribed",
        "topics": ["audit.events"],
    }
    return socket


async def hear(socket: Any, event: str, object_id: str) -> None:
    """Read until this news comes; what was done just before subscribing may be numbered just after it."""
    while True:
        told = await socket.receive_json(timeout=10)
        if (told["event"], told["data"]["object"]["id"]) == (event, object_id):
            return


async def test_deed_is_heard_and_a_revoked_key_is_not_heard_again(
    site: Site, server: ServerProcess
) -> None:
    def make_key(name: str) -> Any:
        return server.post("/api/v1/keys", json={"name": name, "role": "admin"}).json()

    made = await asyncio.to_thread(make_key, "listener")
    async with aiohttp.ClientSession() as session:
        listener = await open_socket(session, server, made["key"])
        watcher = await open_socket(session, server, site.key)
        second = await asyncio.to_thread(make_key, "second")
        await hear(listener, "keys.key.created", second["id"])
        started = time.monotonic()
        await asyncio.to_thread(server.request, "DELETE", f"/api/v1/keys/{made['id']}")
        heard = [await listener.receive(timeout=10) for _ in range(1)]
        while heard[-1].type is aiohttp.WSMsgType.TEXT:
            heard.append(await listener.receive(timeout=10))
        took = time.monotonic() - started
        await hear(watcher, "keys.key.created", second["id"])
        await hear(watcher, "keys.key.revoked", made["id"])

    assert (listener.close_code, took < 5) == (4401, True)


async def test_server_that_stops_says_so(site: Site, server: ServerProcess) -> None:
    async with aiohttp.ClientSession() as session:
        socket = await open_socket(session, server, site.key)
        server.signal(signal.SIGTERM)
        message = await socket.receive(timeout=20)
    await asyncio.to_thread(server.terminate)

    assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 1012)
    assert not server.is_running()


async def test_bad_bytes_hurt_nobody_else(site: Site, server: ServerProcess) -> None:
    async with aiohttp.ClientSession() as session:
        bystander = await open_socket(session, server, site.key)
        codes = []
        for frames in (["x" * 10_000_000], ["x" * 100_000], ["{}"] * 5_000):
            victim = await open_socket(session, server, site.key)
            try:
                for frame in frames:
                    await victim.send_str(frame)
            except ConnectionError:
                pass
            while (await victim.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT:
                pass
            codes.append(victim.close_code)
        await bystander.send_json({"type": "ping"})
        pong = await bystander.receive_json(timeout=10)

    assert codes == [1009, 1009, 1008]
    assert pong == {"type": "pong"}


async def test_unknown_path_is_closed_with_its_code(server: ServerProcess) -> None:
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(f"{server.websocket_url}/nowhere")
        message = await socket.receive(timeout=10)

    assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 4404)


async def test_cookie_of_a_foreign_page_is_refused_at_the_handshake(server: ServerProcess) -> None:
    headers = {"Cookie": "sessionid=abc", "Origin": "http://evil.example"}
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{server.websocket_url}/ws", headers=headers)

    assert caught.value.status == 403


async def test_daphne_runs_the_same_sockets(site: Site) -> None:
    server = await asyncio.to_thread(site.start, "runserver")
    async with aiohttp.ClientSession() as session:
        socket = await open_socket(session, server, site.key)
        await socket.send_json({"type": "ping"})
        pong = await socket.receive_json(timeout=10)
        lost = await session.ws_connect(f"{server.websocket_url}/nowhere")
        await lost.receive(timeout=10)

    assert (pong, lost.close_code) == ({"type": "pong"}, 4404)
