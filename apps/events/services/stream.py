"""The live stream as `core.live` knows it: listeners from the hub, the past from the outbox."""

from __future__ import annotations

from collections.abc import Sequence

from apps.core.actor import Actor
from apps.core.live import History, Listener
from apps.events import queries
from apps.events.hub import Hub


class Stream:
    """Implements `core.live.LiveStream`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def permitted_topics(self, actor: Actor, patterns: Sequence[str]) -> frozenset[str]:
        return self._hub.permitted_topics(actor, patterns)

    def subscribe(self, actor: Actor, topics: frozenset[str], listener: Listener) -> None:
        self._hub.subscribe(actor, topics, listener)

    def unsubscribe(self, actor: Actor, topics: frozenset[str], listener: Listener) -> None:
        self._hub.unsubscribe(actor, topics, listener)

    def history(self, actor: Actor, topic: str, after: int, limit: int) -> History:
        return queries.history(actor=actor, topic=topic, after=after, limit=limit)

    def heads(self, actor: Actor, topics: frozenset[str]) -> dict[str, int]:
        return queries.heads(actor=actor, topics=topics)
