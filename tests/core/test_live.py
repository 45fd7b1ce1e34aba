"""The feed: what a reader who takes its time is handed, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.core import live
from apps.core.actor import Actor
from apps.core.live import Feed, FeedEnded, Gap, History, LiveEvent, make_event
from tests.factories.doors import drive
from tests.factories.events import make_actor
from tests.fakes.recorder import FakeRecorder

pytestmark = pytest.mark.unit

TOPIC = "job.progress"
TOPICS = frozenset({TOPIC})


def make(seq: int) -> LiveEvent:
    at = datetime(2026, 1, 15, tzinfo=UTC)
    return make_event(topic=TOPIC, event="a.b.c", data={}, at=at, seq=seq)


class Stream:
    """A topic with a past; `meanwhile` happens while a page of it is being read."""

    def __init__(self, last: int = 0, floor: int = 0) -> None:
        self.last, self.floor = last, floor
        self.meanwhile: list[Any] = []
        self.listeners: list[Any] = []

    def permitted_topics(self, actor: Actor, patterns: Sequence[str]) -> frozenset[str]:
        return frozenset(patterns)

    def subscribe(self, actor: Actor, topics: frozenset[str], listener: Any) -> None:
        self.listeners.append(listener)

    def unsubscribe(self, actor: Actor, topics: frozenset[str], listener: Any) -> None:
        self.listeners.remove(listener)

    def publish(self, count: int = 1) -> None:
        for _ in range(count):
            self.last += 1
            for listener in self.listeners:
                listener.take(make(self.last))

    def history(self, actor: Actor, topic: str, after: int, limit: int) -> History:
        first = max(after, self.floor) + 1
        events = [make(seq) for seq in range(first, self.last + 1)][:limit]
        gap = Gap(topic, after + 1, self.floor) if after < self.floor else None
        page = History(events, gap, self.last, is_whole=len(events) < limit)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return page

    def heads(self, actor: Actor, topics: frozenset[str]) -> dict[str, int]:
        return dict.fromkeys(topics, self.last)


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Stream:
    settings.SIGNALBOX_SOCKET_CAPACITY = 4
    monkeypatch.setattr(live, "PAGE", 3)
    made = Stream()
    monkeypatch.setattr(live, "_stream", made)
    return made


async def hear(feed: Feed) -> list[Any]:
    """All there is, by number; a gap by its two."""
    heard: list[Any] = []
    while (item := await feed.next(0.01)) is not None:
        heard.append(item.seq if isinstance(item, LiveEvent) else (item.first, item.last))
    return heard


def test_feed_begins_with_what_comes_now(stream: Stream) -> None:
    stream.last = 5

    async def read() -> list[Any]:
        feed = Feed(make_actor(), TOPICS)
        stream.publish(3)
        return await hear(feed)

    assert drive(read()) == [6, 7, 8]


def test_feed_with_a_number_begins_after_it(stream: Stream) -> None:
    stream.last = 9

    async def read() -> list[Any]:
        feed = Feed(make_actor(), TOPICS, {TOPIC: 2})
        stream.publish()
        return [*await hear(feed), *await hear(feed)]

    assert drive(read()) == [3, 4, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize("bursts", [[1], [1, 1, 1], [30], [4, 9, 1, 0, 3]])
def test_what_is_published_during_the_hand_over_comes_once(
    stream: Stream, bursts: list[int]
) -> None:
    stream.last = 2
    stream.meanwhile = [lambda count=count: stream.publish(count) for count in bursts]

    async def read() -> list[Any]:
        feed = Feed(make_actor(), TOPICS, {TOPIC: 0})
        heard = await hear(feed)
        stream.publish(2)
        return [*heard, *await hear(feed)]

    assert drive(read()) == list(range(1, sum(bursts) + 5))


def test_what_the_server_did_not_hand_over_is_read_back(stream: Stream) -> None:
    stream.last = 5

    async def read() -> list[Any]:
        feed = Feed(make_actor(), TOPICS)
        stream.publish()
        stream.last += 7
        feed.miss(Gap(TOPIC, 7, 13))
        stream.publish()
        return await hear(feed)

    assert drive(read()) == [6, 7, 8, 9, 10, 11, 12, 13, 14]


def test_reader_who_falls_behind_reads_it_back(stream: Stream) -> None:
    async def read() -> list[Any]:
        feed = Feed(make_actor(), TOPICS)
        stream.publish(50)
        first = await feed.next()
        assert isinstance(first, LiveEvent)
        stream.publish(10)
        return [first.seq, len(feed._queue), *await hear(feed)]

    assert drive(read()) == [1, 3, *range(2, 61)]


def test_what_retention_took_is_a_gap(stream: Stream) -> None:
    stream.last, stream.floor = 9, 6

    async def read() -> list[Any]:
        return await hear(Feed(make_actor(), TOPICS, {TOPIC: 2}))

    assert drive(read()) == [(3, 6), 7, 8, 9]


def test_number_that_is_skipped_is_a_gap(stream: Stream) -> None:
    async def read() -> list[Any]:
        feed = Feed(make_actor(), TOPICS)
        feed.take(make(1))
        feed.take(make(4))
        return await hear(feed)

    assert drive(read()) == [1, (2, 3), 4]


def test_numbers_read_after_subscribing_are_not_told_again(stream: Stream) -> None:
    async def read() -> list[Any]:
        feed = Feed(make_actor(), TOPICS)
        stream.publish(2)
        feed.begin({TOPIC: 2})
        stream.publish(2)
        return await hear(feed)

    assert drive(read()) == [3, 4]


def test_ended_feed_says_why_and_tells_no_more(stream: Stream) -> None:
    async def read() -> None:
        feed = Feed(make_actor(), TOPICS)
        stream.publish(2)
        feed.end("restart")
        await feed.next()

    with pytest.raises(FeedEnded, match="restart"):
        drive(read())


def test_end_wakes_a_waiting_reader(stream: Stream) -> None:
    async def read() -> None:
        feed = Feed(make_actor(), TOPICS)
        asyncio.get_running_loop().call_later(0.01, feed.end, "gone")
        await feed.next(5)

    with pytest.raises(FeedEnded, match="gone"):
        drive(read())


def test_follow_tells_gaps_and_lets_go(stream: Stream) -> None:
    stream.last, stream.floor = 3, 2

    async def read() -> list[Any]:
        events = live.follow(make_actor(), TOPIC, 1)
        first, second = await anext(events), await anext(events)
        await events.aclose()  # type: ignore[attr-defined]  # a generator
        return [first.event, first.data, first.seq, second.seq, stream.listeners]

    assert drive(read()) == ["gap", {"from": 2, "to": 2}, 2, 3, []]


def test_records_without_a_recorder_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = FakeRecorder(1)
    monkeypatch.setattr(live, "_recorder", None)
    live.publish_records("request.logs", 1, [{"n": 1}])
    before = live.followed("request.logs")

    live.register_recorder(recorder)
    live.publish_records("request.logs", 1, [{"n": 2}])
    live.publish_records("request.logs", 1, [])

    assert recorder.told == [("request.logs", 1, [{"n": 2}])]
    assert (before, live.followed("request.logs")) == ((), (1,))
