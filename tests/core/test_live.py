"""Following a topic: events in order until the reader leaves, or is told of a gap."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.core import live
from apps.core.actor import Actor
from apps.core.errors import Limited, NotFound
from apps.core.live import Listener, LiveEvent, follow
from tests.factories.events import make_actor


def event(number: int) -> LiveEvent:
    return LiveEvent("tried.events", "tried", {}, datetime(2026, 1, 1, tzinfo=UTC), number, "")


class Stream:
    """Implements `core.live.LiveStream` for one topic."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []

    def permitted_topics(self, actor: Actor, patterns: Sequence[str]) -> frozenset[str]:
        if patterns != ["tried.events"]:
            raise NotFound
        return frozenset(patterns)

    def subscribe(self, actor: Actor, topics: frozenset[str], listener: Listener) -> None:
        self.listeners.append(listener)

    def unsubscribe(self, actor: Actor, topics: frozenset[str], listener: Listener) -> None:
        self.listeners.remove(listener)

    def send(self, *numbers: int) -> None:
        for number in numbers:
            for listener in self.listeners:
                listener.take(event(number))


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Stream]:
    settings.SIGNALBOX_SOCKET_CAPACITY = 3
    made = Stream()
    monkeypatch.setattr(live, "_stream", made)
    return made


async def begin(events: Any) -> asyncio.Task[LiveEvent]:
    """Wait for the first event; by the time this answers, the topic is followed."""
    first = asyncio.create_task(anext(events))
    await asyncio.sleep(0)
    return first


def test_events_come_in_order_until_the_reader_leaves(stream: Stream) -> None:
    async def go() -> list[int | None]:
        events = follow(make_actor(), "tried.events")
        first = await begin(events)
        stream.send(1, 2, 3)
        seen = [(await first).seq, (await anext(events)).seq, (await anext(events)).seq]
        await events.aclose()  # type: ignore[attr-defined]  # an async generator
        return seen

    assert asyncio.run(go()) == [1, 2, 3]
    assert stream.listeners == []


def test_a_slow_reader_is_told_of_the_gap_and_of_nothing_behind_it(stream: Stream) -> None:
    async def go() -> list[int | None]:
        events = follow(make_actor(), "tried.events")
        first = await begin(events)
        stream.send(1)
        await first
        stream.send(2, 3, 4, 5)
        seen = [(await anext(events)).seq]
        stream.send(6)
        seen += [(await anext(events)).seq, (await anext(events)).seq]
        with pytest.raises(Limited) as caught:
            await anext(events)
        assert caught.value.code == "gap"
        return seen

    assert asyncio.run(go()) == [2, 3, 4]
    assert stream.listeners == []


def test_what_may_not_be_followed_is_refused_at_once(stream: Stream) -> None:
    async def go() -> None:
        with pytest.raises(NotFound):
            await anext(follow(make_actor(), "other.events"))

    asyncio.run(go())

    assert stream.listeners == []


def test_without_a_stream_nothing_can_be_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_stream", None)

    with pytest.raises(RuntimeError, match="no live stream"):
        live.stream()
