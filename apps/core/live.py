"""The live stream as the doors see it: the Protocol of whoever carries events (the events app), and who listens.

A listener belongs to one socket and lives on one event loop; everything here is called on that loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from apps.core.actor import Actor


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
