"""The hub: one per process, between deeds in any thread and listeners on the loop.

An event is encoded once and handed to every listener of its organization and topic. The hub keeps no event: a
listener that cannot keep up loses its socket, not our memory.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog

from apps.core import json
from apps.core.actor import Actor
from apps.core.errors import NotFound, PermissionDenied
from apps.core.live import Listener, LiveEvent
from apps.core.permissions import has
from apps.events.topics import Topic, matching

log = structlog.get_logger(__name__)

Channel = tuple[int, str]
Audience = dict[Listener, asyncio.AbstractEventLoop]


class Hub:
    """Implements `core.live.LiveStream`."""

    def __init__(self) -> None:
        self._audiences: dict[Channel, Audience] = {}
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

    def publish(
        self, *, organization_id: int, topic: str, event: str, at: datetime, data: dict[str, Any]
    ) -> None:
        """Send an event from any thread. Call it after commit."""
        channel = (organization_id, topic)
        with self._lock:
            loops = set(self._audiences.get(channel, {}).values())
        if not loops:
            return
        live = _encode(topic, event, at, data)
        for loop in loops:
            try:
                loop.call_soon_threadsafe(self._deliver, channel, loop, live)
            except RuntimeError:  # the loop has ended, and its listeners with it
                self._forget(loop)

    def _deliver(self, channel: Channel, loop: asyncio.AbstractEventLoop, live: LiveEvent) -> None:
        with self._lock:
            audience = [
                one for one, home in self._audiences.get(channel, {}).items() if home is loop
            ]
        for listener in audience:
            listener.take(live)

    def _forget(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            for channel, audience in list(self._audiences.items()):
                kept = {one: home for one, home in audience.items() if home is not loop}
                if kept:
                    self._audiences[channel] = kept
                else:
                    del self._audiences[channel]


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


def _encode(topic: str, event: str, at: datetime, data: dict[str, Any]) -> LiveEvent:
    # `seq` is given at publication once topics are numbered; until then it is null, and history is the REST list.
    frame = json.dumps(
        {
            "type": "event",
            "topic": topic,
            "seq": None,
            "event": event,
            "data": data,
            "timestamp": at,
        }
    ).decode()
    return LiveEvent(topic=topic, event=event, data=data, at=at, seq=None, frame=frame)


hub = Hub()
