"""The hub: one per process, between the publisher's thread and listeners on the loop.

An event is encoded once and handed to every listener of its organization and topic, some of them in each turn of the
loop, so that ten thousand sockets hold up nobody's call. The hub keeps no event: what a listener cannot keep up with,
or the loop, is in the database.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Protocol

import structlog

from apps.core.actor import Actor
from apps.core.errors import NotFound, PermissionDenied
from apps.core.live import Gap, Listener, LiveEvent, make_event
from apps.core.permissions import has
from apps.events.topics import PREDICTION_EVENTS, Topic, matching

log = structlog.get_logger(__name__)

Channel = tuple[int, str]
Loop = asyncio.AbstractEventLoop
Audience = dict[Loop, dict[Listener, None]]
Delivery = tuple[Channel, LiveEvent | Gap]

ROUND_EVENTS = 32
ROUND_TAKES = 20_000
"""Events lined up for their listeners at a time: a socket writes those of one round at once."""
SLICE_SOCKETS = 250
SLICE_TAKES = 2_000
"""What is handed out in one turn of the loop: some three milliseconds of it."""
MAX_WAITING = 2_000
"""Events that wait for the loop. What comes on top is told as a gap, and read back by those who need it."""


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


class Courier:
    """Hands out what arrives on one loop. However many listen, it is the loop's only task for it."""

    def __init__(self, loop: Loop, listeners: Callable[[Channel], Collection[Listener]]) -> None:
        self._loop, self._listeners = loop, listeners
        self._queue: deque[Delivery] = deque()
        self._shed: dict[Channel, Gap] = {}
        self._round: list[tuple[Listener, list[LiveEvent | Gap]]] = []
        """Who is still to be told of the events of this round, the next one last."""
        self._is_under_way = False

    def accept(self, deliveries: Sequence[tuple[Channel, LiveEvent]]) -> None:
        for channel, live in deliveries:
            if channel in self._shed or len(self._queue) >= MAX_WAITING:
                first = self._shed[channel].first if channel in self._shed else live.seq
                self._shed[channel] = Gap(live.topic, first, live.seq)
            else:
                self._queue.append((channel, live))
        if not self._is_under_way:
            self._go_on()

    def _go_on(self) -> None:
        """One turn: the sockets write at its end, so a burst is not taken for their slowness."""
        while not self._round and (self._queue or self._shed):
            self._line_up()
        sockets, takes = 0, 0
        while self._round and sockets < SLICE_SOCKETS and takes < SLICE_TAKES:
            listener, events = self._round.pop()
            _hand(listener, events)
            sockets, takes = sockets + 1, takes + len(events)
        self._is_under_way = bool(self._round or self._queue or self._shed)
        if self._is_under_way:
            self._loop.call_soon(self._go_on)

    def _line_up(self) -> None:
        """Begin the next round. Each listener keeps the order in which things came."""
        if not self._queue:
            self._queue.extend(self._shed.items())
            self._shed.clear()
        told: dict[Listener, list[LiveEvent | Gap]] = {}
        events, takes = 0, 0
        while self._queue and events < ROUND_EVENTS and takes < ROUND_TAKES:
            channel, live = self._queue.popleft()
            listeners = self._listeners(channel)
            for listener in listeners:
                told.setdefault(listener, []).append(live)
            events, takes = events + 1, takes + len(listeners)
        self._round = list(told.items())
        self._round.reverse()


class Hub:
    """Who listens, and the way to them. With `queries` for the past it makes `core.live.LiveStream`."""

    def __init__(self) -> None:
        self._audiences: dict[Channel, Audience] = {}
        self._couriers: dict[Loop, Courier] = {}
        self._lock = threading.Lock()

    def permitted_topics(self, actor: Actor, patterns: Sequence[str]) -> frozenset[str]:
        return frozenset(topic.name for pattern in patterns for topic in _permitted(actor, pattern))

    def subscribe(self, actor: Actor, topics: frozenset[str], listener: Listener) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            for topic in topics:
                audience = self._audiences.setdefault((actor.organization_id, topic), {})
                audience.setdefault(loop, {})[listener] = None

    def unsubscribe(self, actor: Actor, topics: frozenset[str], listener: Listener) -> None:
        with self._lock:
            for topic in topics:
                channel = (actor.organization_id, topic)
                for loop, listeners in list(self._audiences.get(channel, {}).items()):
                    listeners.pop(listener, None)
                    if not listeners:
                        self._leave(channel, loop)

    def is_followed(self, organization_id: int, topic: str) -> bool:
        return (organization_id, topic) in self._audiences

    def channels(self) -> frozenset[Channel]:
        """What somebody of this process follows."""
        with self._lock:
            return frozenset(self._audiences)

    def publish(self, published: Sequence[Numbered]) -> None:
        """Send numbered events, from any thread, in their order. Each is encoded once, and only if somebody listens."""
        by_loop: dict[Loop, list[tuple[Channel, LiveEvent]]] = {}
        for one in published:
            channel = (one.organization_id, one.topic)
            with self._lock:
                loops = list(self._audiences.get(channel, ()))
            if loops:
                live = make_event(
                    topic=one.topic, event=one.event, data=one.data, at=one.at, seq=one.sequence
                )
                for loop in loops:
                    by_loop.setdefault(loop, []).append((channel, live))
        for loop, deliveries in by_loop.items():
            try:
                loop.call_soon_threadsafe(self._courier(loop).accept, deliveries)
            except RuntimeError:  # the loop has ended, and its listeners with it
                self._forget(loop)

    def _courier(self, loop: Loop) -> Courier:
        with self._lock:
            found = self._couriers.get(loop)
            if found is None:
                found = self._couriers[loop] = Courier(
                    loop, lambda channel: self._listeners(channel, loop)
                )
            return found

    def _listeners(self, channel: Channel, loop: Loop) -> Collection[Listener]:
        with self._lock:
            return tuple(self._audiences.get(channel, {}).get(loop, ()))

    def _forget(self, loop: Loop) -> None:
        with self._lock:
            self._couriers.pop(loop, None)
            for channel in list(self._audiences):
                self._leave(channel, loop)

    def _leave(self, channel: Channel, loop: Loop) -> None:
        audience = self._audiences[channel]
        audience.pop(loop, None)
        if not audience:
            del self._audiences[channel]


def _hand(listener: Listener, events: Sequence[LiveEvent | Gap]) -> None:
    for one in events:
        try:
            if isinstance(one, Gap):
                listener.miss(one)
            else:
                listener.take(one)
        except Exception:  # one listener's bug stays with it
            log.exception("listener_failed", topic=one.topic)


def _permitted(actor: Actor, pattern: str) -> list[Topic]:
    """What one pattern comes to. A wildcard leaves out what the actor may not see, unless that is all of it."""
    named = list(matching(pattern))
    if not named:
        raise NotFound(f"There is no topic {pattern[:80]!r}.", code="unknown_topic", topic=pattern)
    permitted = [topic for topic in named if has(actor, topic.permission)]
    if actor.identity.models is not None:
        # Its events are of all models: a key bound to some reads those of its own one by one.
        permitted = [topic for topic in permitted if topic.name != PREDICTION_EVENTS]
        if not permitted and has(actor, named[0].permission):
            raise PermissionDenied(
                "A key bound to certain models may not follow all.", topic=pattern
            )
    if not permitted:
        needed = named[0].permission.value
        raise PermissionDenied(
            f"This topic needs the permission {needed}.", permission=needed, topic=pattern
        )
    return permitted


hub = Hub()
