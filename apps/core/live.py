"""The live stream as the doors see it: the Protocol of whoever carries events (the events app), and who listens.

A listener belongs to one socket and lives on one event loop; everything it does happens on that loop. Numbers (`seq`)
run within an organization and topic without holes, so whoever knows the last it saw can tell what it missed and read
it back by `LiveStream.history`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.conf import settings

from apps.core import json
from apps.core.actor import Actor
from apps.core.asgi.pool import in_pool

PAGE = 100
"""Events read back at a time."""


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One event of a topic. `frame` is its encoding for `/ws`, made once however many sockets take it."""

    topic: str
    event: str
    data: dict[str, Any]
    at: datetime
    seq: int
    frame: str


def make_event(
    *, topic: str, event: str, data: dict[str, Any], at: datetime, seq: int
) -> LiveEvent:
    shape = {"topic": topic, "seq": seq, "event": event, "data": data, "timestamp": at}
    frame = json.dumps({"type": "event", **shape}).decode()
    return LiveEvent(topic=topic, event=event, data=data, at=at, seq=seq, frame=frame)


@dataclass(frozen=True, slots=True)
class Gap:
    """Events `first` to `last` of a topic did not come, or are gone for good."""

    topic: str
    first: int
    last: int

    @property
    def frame(self) -> str:
        shape = {"type": "gap", "topic": self.topic, "from": self.first, "to": self.last}
        return json.dumps(shape).decode()


@dataclass(frozen=True, slots=True)
class History:
    """A page of a topic's past. `last`: the topic's last number; `is_whole`: nothing followed this page when read."""

    events: Sequence[LiveEvent]
    gap: Gap | None
    last: int
    is_whole: bool

    def end(self, after: int) -> int:
        """The number somebody who had come to `after` has come to with this page."""
        if self.events:
            return self.events[-1].seq
        return self.gap.last if self.gap else after


class Listener(Protocol):
    """Takes events. Never blocks and never raises: what it cannot keep up with it must refuse for itself.

    One that has just unsubscribed may still be called: what is on its way is its to ignore.
    """

    def take(self, event: LiveEvent) -> None: ...

    def miss(self, gap: Gap) -> None:
        """These were published and will not be handed over: the process itself cannot keep up."""


class LiveStream(Protocol):
    """Knows the topics, who may follow them, and their past."""

    def permitted_topics(self, actor: Actor, patterns: Sequence[str]) -> frozenset[str]:
        """The topics that names and `prefix.*` patterns come to; `NotFound`, `PermissionDenied` for one that fails."""

    def subscribe(self, actor: Actor, topics: frozenset[str], listener: Listener) -> None:
        """Send the listener the events of these topics in the actor's organization, until told otherwise."""

    def unsubscribe(self, actor: Actor, topics: frozenset[str], listener: Listener) -> None:
        """Stop; topics that were not followed are no error."""

    def history(self, actor: Actor, topic: str, after: int, limit: int) -> History:
        """The events of a topic after a number, from the database. Blocking."""

    def heads(self, actor: Actor, topics: frozenset[str]) -> dict[str, int]:
        """The last number of each topic, from the database. Blocking."""


class Recorder(Protocol):
    """Takes what no transaction stands behind, while somebody follows."""

    def publish(
        self, topic: str, organization_id: int, rows: Sequence[Mapping[str, Any]]
    ) -> None: ...

    def followed(self, topic: str) -> Collection[int]:
        """The organizations in which somebody follows a topic."""


Probe = Callable[[], float]

_stream: LiveStream | None = None
_recorder: Recorder | None = None
_probes: dict[str, Probe] = {}


def register_stream(stream: LiveStream) -> None:
    global _stream
    _stream = stream


def stream() -> LiveStream:
    if _stream is None:
        raise RuntimeError("no live stream is registered")
    return _stream


def register_recorder(recorder: Recorder | None) -> None:
    global _recorder
    _recorder = recorder


def publish_records(topic: str, organization_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Publish what no transaction stands behind (access records, readings), an event a row. From any thread.

    Cheap when nobody follows the topic: then nothing is kept. A flood is sampled; it never blocks and never raises.
    """
    if _recorder is not None and rows:
        _recorder.publish(topic, organization_id, rows)


def followed(topic: str) -> Collection[int]:
    """The organizations in which somebody follows a topic: to make rows for the others is in vain."""
    return _recorder.followed(topic) if _recorder is not None else ()


def register_probe(name: str, probe: Probe) -> None:
    """Add a number to the readings of `system.metrics`; asked in a thread, every few seconds, while somebody looks."""
    _probes[name] = probe


def probes() -> Mapping[str, Probe]:
    return _probes


class FeedEnded(Exception):
    """The feed was told to end."""


class Feed:
    """Several topics for one reader who asks for the next event when ready for it.

    Without `after` it begins with what comes now. A reader who falls behind costs no memory: what does not fit is
    let go and read back from the database when the reader gets there. Only what retention has taken is a `Gap`.
    """

    def __init__(
        self, actor: Actor, topics: frozenset[str], after: Mapping[str, int] | None = None
    ) -> None:
        self.actor = actor
        self.topics = topics
        self.last: dict[str, int] = {}
        """The last number handed out of each topic."""
        self._behind: dict[str, int] = {}
        """Topics to be read back, with the newest number that was let go meanwhile."""
        for topic, seq in (after or {}).items():
            if topic in topics:
                self.last[topic], self._behind[topic] = seq, 0
        self._capacity: int = settings.SIGNALBOX_SOCKET_CAPACITY
        self._ready: deque[LiveEvent | Gap] = deque()
        self._queue: deque[LiveEvent] = deque()
        self._wake = asyncio.Event()
        self._end: str | None = None
        stream().subscribe(actor, topics, self)

    def begin(self, heads: Mapping[str, int]) -> None:
        """Take these numbers as told already; they were read after the feed had subscribed, so nothing is lost."""
        self.last.update(heads)

    def take(self, event: LiveEvent) -> None:
        self.last.setdefault(event.topic, event.seq - 1)
        if event.topic in self._behind or len(self._queue) >= self._capacity:
            self._behind[event.topic] = event.seq
        else:
            self._queue.append(event)
        self._wake.set()

    def miss(self, gap: Gap) -> None:
        self.last.setdefault(gap.topic, gap.first - 1)
        self._behind[gap.topic] = gap.last
        self._wake.set()

    def end(self, reason: str = "") -> None:
        """Make `next` raise `FeedEnded`, whatever is still to come."""
        self._end = reason
        self._wake.set()

    def close(self) -> None:
        stream().unsubscribe(self.actor, self.topics, self)

    async def next(self, patience: float | None = None) -> LiveEvent | Gap | None:
        """The next event or gap; None when none came within `patience` seconds."""
        while True:
            if self._end is not None:
                raise FeedEnded(self._end)
            if self._ready:
                return self._hand_out(self._ready.popleft())
            if self._queue:
                self._line_up(self._queue.popleft())
            elif self._behind:
                await self._read_back(next(iter(self._behind)))
            elif not await self._wait(patience):
                return None

    def _hand_out(self, item: LiveEvent | Gap) -> LiveEvent | Gap:
        self.last[item.topic] = item.seq if isinstance(item, LiveEvent) else item.last
        return item

    def _line_up(self, event: LiveEvent) -> None:
        last = self.last[event.topic]
        if event.seq > last + 1:
            self._ready.append(Gap(event.topic, last + 1, event.seq - 1))
        if event.seq > last:  # what was read back already comes by once more
            self._ready.append(event)

    async def _read_back(self, topic: str) -> None:
        after = self.last[topic]
        page = await in_pool(stream().history, self.actor, topic, after, PAGE)
        if page.gap is not None:
            self._ready.append(page.gap)
        self._ready.extend(page.events)
        # What is published from here on is queued behind this page: nothing can come between.
        if page.is_whole and self._behind[topic] <= page.end(after):
            del self._behind[topic]

    async def _wait(self, patience: float | None) -> bool:
        self._wake.clear()
        try:
            async with asyncio.timeout(patience):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True


async def follow(actor: Actor, topic: str, after: int | None = None) -> AsyncIterator[LiveEvent]:
    """The events of one topic, from now on or after a number, for as long as the caller iterates.

    A gap comes as an event named `gap`, with the missing numbers as its data.
    """
    topics = stream().permitted_topics(actor, [topic])
    feed = Feed(actor, topics, {} if after is None else {topic: after})
    try:
        while True:
            item = await feed.next()
            if isinstance(item, Gap):
                yield _told(item)
            elif item is not None:
                yield item
    finally:
        feed.close()


def _told(gap: Gap) -> LiveEvent:
    missing = {"from": gap.first, "to": gap.last}
    now = datetime.now().astimezone()
    return LiveEvent(gap.topic, "gap", missing, now, gap.last, gap.frame)
