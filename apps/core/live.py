"""The live stream as the doors see it: the Protocol of whoever carries events (the events app), and who listens.

A listener belongs to one socket and lives on one event loop; everything here is called on that loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.conf import settings

from apps.core.actor import Actor
from apps.core.errors import Limited


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One event of a topic. `frame` is its encoding for `/ws`, made once however many sockets take it."""

    topic: str
    event: str
    data: dict[str, Any]
    at: datetime
    seq: int | None
    frame: str


class Listener(Protocol):
    """Takes events. Never blocks and never raises: what it cannot keep up with it must refuse for itself."""

    def take(self, event: LiveEvent) -> None: ...


class LiveStream(Protocol):
    """Knows the topics and who may follow them."""

    def permitted_topics(self, actor: Actor, patterns: Sequence[str]) -> frozenset[str]:
        """The topics that names and `prefix.*` patterns come to; `NotFound`, `PermissionDenied` for one that fails."""

    def subscribe(self, actor: Actor, topics: frozenset[str], listener: Listener) -> None:
        """Send the listener the events of these topics in the actor's organization, until told otherwise."""

    def unsubscribe(self, actor: Actor, topics: frozenset[str], listener: Listener) -> None:
        """Stop; topics that were not followed are no error."""


_stream: LiveStream | None = None


def register_stream(stream: LiveStream) -> None:
    global _stream
    _stream = stream


def stream() -> LiveStream:
    if _stream is None:
        raise RuntimeError("no live stream is registered")
    return _stream


class _Queue:
    """A listener for one reader. Full, it ends: the reader is told that there is a gap."""

    def __init__(self) -> None:
        self._capacity: int = settings.SIGNALBOX_SOCKET_CAPACITY
        self._events: asyncio.Queue[LiveEvent] = asyncio.Queue()
        self._has_gap = False

    def take(self, event: LiveEvent) -> None:
        if self._has_gap or self._events.qsize() >= self._capacity:
            self._has_gap = True  # for good: what came after it would hide it
        else:
            self._events.put_nowait(event)

    async def next(self) -> LiveEvent:
        if self._has_gap and self._events.empty():
            raise Limited("You read too slowly and missed events.", code="gap")
        return await self._events.get()


async def follow(actor: Actor, topic: str) -> AsyncIterator[LiveEvent]:
    """The events of one topic from now on, for as long as the caller iterates."""
    topics = stream().permitted_topics(actor, [topic])
    queue = _Queue()
    stream().subscribe(actor, topics, queue)
    try:
        while True:
            yield await queue.next()
    finally:
        stream().unsubscribe(actor, topics, queue)
