"""The hub: one per process, between the publisher's thread and listeners on the loop.

An event is encoded once and handed to every listener of its organization and topic. The hub keeps no event: what a
listener cannot keep up with is in the database.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import structlog

from apps.core.actor import Actor
from apps.core.errors import NotFound, PermissionDenied
from apps.core.live import Listener, LiveEvent, make_event
from apps.core.permissions import has
from apps.events.topics import Topic, matching

log = structlog.get_logger(__name__)

Channel = tuple[int, str]
Audience = dict[Listener, asyncio.AbstractEventLoop]
Delivery = tuple[Channel, LiveEvent]
SLICE_EVENTS = 32
SLICE_TAKES = 20_000


class Numbered(Protocol):
    """An event with its number, as the sequencer gives it."""

    @property
    def organization_id(self) -> int: ...
    @property
    def topic(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def event(self) -> str: ...
    @property
    def data(self) -> dict[str, Any]: ...
    @property
    def at(self) -> datetime: ...


class Hub:
    """Who listens, and the way to them. With `queries` for the past it makes `core.live.LiveStream`."""

    def __init__(self) -> None:
        self._audiences: dict[Channel, Audience] = {}
        self._queues: dict[asyncio.AbstractEventLoop, deque[Delivery]] = {}
        self._lock = threading.Lock()

    def permitted_topics(self, actor: Actor, patterns: Sequence[str]) -> frozenset[str]:
        return frozenset(topic.name for pattern in patterns for topic in _permitted(actor, pattern))

    def subscribe(self, actor: Actor, topics: frozenset[str], listener: Listener) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            for topic in topics:
                self._audiences.setdefault((actor.organization_id, topic), {})[listener] = loop

    def unsubscribe(self, actor: Actor, topics: frozenset[str], listener: Listener) -> None:
        with self._lock:
            for topic in topics:
                channel = (actor.organization_id, topic)
                audience = self._audiences.get(channel, {})
                audience.pop(listener, None)
                if not audience:
                    self._audiences.pop(channel, None)

    def is_followed(self, organization_id: int, topic: str) -> bool:
        return (organization_id, topic) in self._audiences

    def channels(self) -> frozenset[Channel]:
        """What somebody of this process follows."""
        with self._lock:
            return frozenset(self._audiences)

    def publish(self, published: Sequence[Numbered]) -> None:
        """Send numbered events, from any thread, in their order. Each is encoded once, and only if somebody listens."""
        by_loop: dict[asyncio.AbstractEventLoop, list[Delivery]] = {}
        for one in published:
            channel = (one.organization_id, one.topic)
            with self._lock:
                loops = set(self._audiences.get(channel, {}).values())
            if loops:
                live = make_event(
                    topic=one.topic, event=one.event, data=one.data, at=one.at, seq=one.sequence
                )
                for loop in loops:
                    by_loop.setdefault(loop, []).append((channel, live))
        for loop, deliveries in by_loop.items():
            try:
                loop.call_soon_threadsafe(self._accept, loop, deliveries)
            except RuntimeError:  # the loop has ended, and its listeners with it
                self._forget(loop)

    def _accept(self, loop: asyncio.AbstractEventLoop, deliveries: Sequence[Delivery]) -> None:
        queue = self._queues.setdefault(loop, deque())
        is_idle = not queue
        queue.extend(deliveries)
        if is_idle:
            self._deliver(loop, queue)

    def _deliver(self, loop: asyncio.AbstractEventLoop, queue: deque[Delivery]) -> None:
        """Hand out a slice, then let the sockets write before the next: a burst is not their slowness."""
        events, takes = 0, 0
        while queue and events < SLICE_EVENTS and takes < SLICE_TAKES:
            channel, live = queue[0]
            with self._lock:
                audience = [
                    one for one, home in self._audiences.get(channel, {}).items() if home is loop
                ]
            for listener in audience:
                _hand(listener, live)
            events, takes = events + 1, takes + len(audience)
            queue.popleft()  # only now: the queue must not look idle before
        if queue:
            loop.call_soon(self._deliver, loop, queue)

    def _forget(self, loop: asyncio.AbstractEventLoop) -> None:
        self._queues.pop(loop, None)
        with self._lock:
            for channel, audience in list(self._audiences.items()):
                kept = {one: home for one, home in audience.items() if home is not loop}
                if kept:
                    self._audiences[channel] = kept
                else:
                    del self._audiences[channel]


def _hand(listener: Listener, live: LiveEvent) -> None:
    try:
        listener.take(live)
    except Exception:  # one listener's bug stays with it
        log.exception("listener_failed", topic=live.topic)


def _permitted(actor: Actor, pattern: str) -> list[Topic]:
    """What one pattern comes to. A wildcard leaves out what the actor may not see, unless that is all of it."""
    named = list(matching(pattern))
    if not named:
        raise NotFound(f"There is no topic {pattern[:80]!r}.", code="unknown_topic", topic=pattern)
    permitted = [topic for topic in named if has(actor, topic.permission)]
    if not permitted:
        needed = named[0].permission.value
        raise PermissionDenied(
            f"This topic needs the permission {needed}.", permission=needed, topic=pattern
        )
    return permitted


hub = Hub()
