"""Background work: started once with the first scope, unmoved by a failure, ended with the server."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from apps.core.asgi import lifecycle as lifecycles
from apps.core.asgi.application import Application
from apps.core.asgi.lifecycle import Lifecycle


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_tickers", "_on_start", "_on_drain"):
        monkeypatch.setattr(lifecycles, name, [])


@pytest.fixture
def lifecycle(monkeypatch: pytest.MonkeyPatch) -> Lifecycle:
    made = Lifecycle()
    monkeypatch.setattr("apps.core.asgi.application.lifecycle", made)
    return made


def test_it_starts_once_however_many_come_at_once(lifecycle: Lifecycle) -> None:
    started: list[str] = []

    async def slowly() -> None:
        started.append("begun")
        await asyncio.sleep(0.01)
        started.append("done")

    async def come() -> list[str]:
        await lifecycle.ensure_started()
        return list(started)

    async def go() -> list[list[str]]:
        seen = await asyncio.gather(*(come() for _ in range(5)))
        await lifecycle.ensure_started()
        await lifecycle.stop()
        return seen

    lifecycles.on_start(slowly)

    assert asyncio.run(go()) == [["begun", "done"]] * 5
    assert started == ["begun", "done"]


def test_a_start_that_failed_is_tried_again(lifecycle: Lifecycle) -> None:
    tries: list[int] = []

    async def fail_first() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("not yet")

    async def go() -> None:
        with pytest.raises(OSError, match="not yet"):
            await lifecycle.ensure_started()
        await lifecycle.ensure_started()
        await lifecycle.stop()

    lifecycles.on_start(fail_first)
    asyncio.run(go())

    assert len(tries) == 2


def test_a_first_caller_who_hangs_up_does_not_end_the_start(lifecycle: Lifecycle) -> None:
    started: list[int] = []

    async def slowly() -> None:
        await asyncio.sleep(0.01)
        started.append(1)

    async def go() -> None:
        first = asyncio.create_task(lifecycle.ensure_started())
        second = asyncio.create_task(lifecycle.ensure_started())
        await asyncio.sleep(0)
        first.cancel()
        await second
        await lifecycle.stop()

    lifecycles.on_start(slowly)
    asyncio.run(go())

    assert started == [1]


def test_a_ticker_survives_its_failures(lifecycle: Lifecycle) -> None:
    ticks: list[str] = []
    enough = threading.Event()

    def tick() -> None:
        ticks.append(threading.current_thread().name)
        if len(ticks) == 3:
            enough.set()
        raise ZeroDivisionError

    async def go() -> None:
        await lifecycle.ensure_started()
        await asyncio.to_thread(enough.wait)
        await lifecycle.stop()
        ended_with = len(ticks)
        await asyncio.sleep(0.05)
        assert len(ticks) <= ended_with + 1  # the one under way may end

    lifecycles.every(0.01, "tick", tick)
    asyncio.run(asyncio.wait_for(go(), 5))

    assert all(name.startswith("pool") for name in ticks)


def test_draining_tells_once_before_the_end(lifecycle: Lifecycle) -> None:
    told: list[bool] = []

    async def tell() -> None:
        told.append(lifecycle.is_draining)

    async def go() -> None:
        await lifecycle.ensure_started()
        assert not lifecycle.is_draining
        await lifecycle.drain()
        await lifecycle.drain()
        await lifecycle.stop()

    lifecycles.on_drain(tell)
    asyncio.run(go())

    assert told == [True]


def test_it_starts_anew_on_another_loop(lifecycle: Lifecycle) -> None:
    started: list[int] = []

    async def start() -> None:
        started.append(1)

    async def go() -> bool:
        await lifecycle.ensure_started()
        was_draining = lifecycle.is_draining
        await lifecycle.stop()
        return was_draining

    lifecycles.on_start(start)

    assert [asyncio.run(go()), asyncio.run(go())] == [False, False]
    assert started == [1, 1]


# ------------------------------------------------------------------ through the application


async def no_sockets(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.close", "code": 4404})


def test_a_lifespan_starts_and_stops_it(lifecycle: Lifecycle) -> None:
    told: list[str] = []

    async def note(word: str) -> None:
        told.append(word)

    lifecycles.on_start(lambda: note("started"))
    lifecycles.on_drain(lambda: note("drained"))

    assert asyncio.run(_live(["lifespan.startup", "lifespan.shutdown"])) == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert told == ["started", "drained"]


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_without_a_lifespan_the_first_scope_starts_it(lifecycle: Lifecycle, kind: str) -> None:
    started: list[int] = []

    async def start() -> None:
        started.append(1)

    async def nothing(*_: Any) -> None:
        pass

    async def go() -> None:
        application = Application(no_sockets)
        scope = {"type": kind, "path": "/health", "method": "GET", "headers": [(b"host", b"evil")]}
        for _ in range(2):
            await application(scope, nothing, nothing)
        await lifecycle.stop()

    lifecycles.on_start(start)
    asyncio.run(go())

    assert started == [1]


async def _live(kinds: list[str]) -> list[str]:
    incoming = [{"type": kind} for kind in kinds]
    answered: list[str] = []

    async def receive() -> dict[str, Any]:
        return incoming.pop(0)

    async def send(message: dict[str, Any]) -> None:
        answered.append(message["type"])

    await Application(no_sockets)({"type": "lifespan"}, receive, send)
    return answered


async def test_drain_tells_the_others_when_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []

    async def fail() -> None:
        raise OSError("the database is away")

    async def hear() -> None:
        heard.append("drained")

    monkeypatch.setattr(lifecycles, "_on_drain", [fail, hear])

    await Lifecycle().drain()

    assert heard == ["drained"]
