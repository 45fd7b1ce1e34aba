"""`subscribe` with `after`: the past from the table, then what comes, without hole or repetition."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from apps.core.asgi.pool import Pool, use_pool
from apps.core.live import History
from apps.events import queries
from apps.events.services import retention
from apps.tenants.models import Organization
from tests.factories.doors import Socket, known_tokens
from tests.factories.events import make_identity, number_pending, write_events
from tests.factories.tenants import make_organization

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

TOPIC = "job.progress"


@pytest.fixture
def place() -> Iterator[Organization]:
    made = make_organization()
    with known_tokens() as tokens:
        tokens.identities["admin"] = make_identity(made)
        yield made


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """A real hop into a real thread, whose connection is closed before the database goes."""
    pool = Pool(1, max_waiting=100)
    before = use_pool(pool)
    yield
    use_pool(before)
    asyncio.run(pool.run(connections.close_all))
    pool.close()


def publish(place: Organization, count: int = 1, topic: str = TOPIC) -> None:
    """In a thread of its own, which leaves no connection behind."""
    write_events(place, count, topic=topic, at=timezone.now())
    number_pending()
    connection.close()


async def heard(socket: Socket, count: int) -> list[Any]:
    frames = [await socket.hear() for _ in range(count)]
    return [frame.get("seq", frame) for frame in frames]


def subscribe(after: int, topic: str = TOPIC) -> dict[str, Any]:
    return {"type": "subscribe", "topics": [topic], "after": {TOPIC: after}}


def test_the_past_comes_first_then_what_is_new(place: Organization, settings: Any) -> None:
    settings.SIGNALBOX_SOCKET_CAPACITY = 8  # pages of four
    publish(place, 30)
    publish(make_organization(), 5)

    async def talk() -> list[Any]:
        async with Socket("/ws", key="admin") as socket:
            await socket.say(subscribe(10, "job.*"))
            await socket.hear()
            past = await heard(socket, 20)
            await asyncio.to_thread(publish, place, 2)
            return [*past, *await heard(socket, 2), await socket.is_silent()]

    assert asyncio.run(talk()) == [*range(11, 33), True]


def test_events_published_during_the_hand_over_come_once(
    place: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(place, 3)
    read, bursts = queries.history, [5, 1, 120, 3]

    def read_and_be_overtaken(**given: Any) -> History:
        page = read(**given)
        if bursts:
            publish(place, bursts.pop(0))
        return page

    monkeypatch.setattr(queries, "history", read_and_be_overtaken)

    async def talk() -> list[Any]:
        async with Socket("/ws", key="admin") as socket:
            await socket.say(subscribe(0))
            await socket.hear()
            past = await heard(socket, 132)
            await asyncio.to_thread(publish, place)
            return [*past, *await heard(socket, 1), await socket.is_silent()]

    assert asyncio.run(talk()) == [*range(1, 134), True]


def test_what_retention_took_is_told_as_a_gap(place: Organization) -> None:
    write_events(place, 3, at=timezone.now() - timedelta(days=8))
    publish(place, 2)
    retention.sweep()

    async def talk() -> list[Any]:
        async with Socket("/ws", key="admin") as socket:
            await socket.say(subscribe(1))
            await socket.hear()
            return await heard(socket, 3)

    assert asyncio.run(talk()) == [{"type": "gap", "topic": TOPIC, "from": 2, "to": 3}, 4, 5]


def test_number_of_another_life_is_told_as_a_gap(place: Organization) -> None:
    publish(place, 2)

    async def talk() -> list[Any]:
        async with Socket("/ws", key="admin") as socket:
            await socket.say(subscribe(900))
            await socket.hear()
            gap = await socket.hear()
            await asyncio.to_thread(publish, place)
            return [gap, *await heard(socket, 1)]

    assert asyncio.run(talk()) == [{"type": "gap", "topic": TOPIC, "from": 1, "to": 2}, 3]


def test_asking_again_closes_a_gap(place: Organization) -> None:
    publish(place, 4)

    async def talk() -> list[Any]:
        async with Socket("/ws", key="admin") as socket:
            await socket.say({"type": "subscribe", "topics": [TOPIC]})
            await socket.hear()
            await asyncio.to_thread(publish, place)
            live = await heard(socket, 1)
            await socket.say(subscribe(2))
            await socket.hear()
            return [*live, *await heard(socket, 3), await socket.is_silent()]

    assert asyncio.run(talk()) == [5, 3, 4, 5, True]


def test_leaving_while_the_past_is_read_ends_it(place: Organization) -> None:
    publish(place, 500)

    async def talk() -> Any:
        async with Socket("/ws", key="admin") as socket:
            await socket.say(subscribe(0))
            await socket.say({"type": "unsubscribe", "topics": [TOPIC]})
            frames: list[Any] = []
            while not frames or frames[-1]["type"] != "unsubscribed":
                frames.append(await socket.hear())
            rest = 0
            while not await socket.is_silent():
                await socket.hear()
                rest += 1
            return rest

    assert asyncio.run(talk()) < 500


def test_past_that_cannot_be_read_ends_the_socket(
    place: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> History:
        raise RuntimeError("a bug")

    monkeypatch.setattr(queries, "history", fail)

    async def talk() -> list[Any]:
        async with Socket("/ws", key="admin") as socket:
            await socket.say(subscribe(0))
            await socket.hear()
            error = await socket.hear()
            return [error["error"], await socket.hear()]

    assert asyncio.run(talk()) == ["internal_error", 1013]


def test_300_followers_of_a_burst_have_every_number_or_are_told(
    place: Organization, settings: Any
) -> None:
    """Small in number of followers here; what a gap leaves out is read back."""
    settings.SIGNALBOX_SOCKET_CAPACITY = 16
    followers, events = 30, 200

    async def follow(socket: Socket) -> list[int]:
        numbers: list[int] = []
        while len(numbers) < events:
            frame = await socket.hear()
            if frame["type"] == "gap":
                numbers += range(frame["from"], frame["to"] + 1)
            else:
                numbers.append(frame["seq"])
        return numbers

    async def talk() -> list[list[int]]:
        sockets = [Socket("/ws", key="admin") for _ in range(followers)]
        for socket in sockets:
            await socket.__aenter__()
            await socket.say({"type": "subscribe", "topics": [TOPIC]})
            await socket.hear()
        await asyncio.to_thread(publish, place, events)
        found = await asyncio.gather(*map(follow, sockets))
        for socket in sockets:
            await socket.disconnect()
        return found

    assert asyncio.run(talk()) == [list(range(1, events + 1))] * followers
