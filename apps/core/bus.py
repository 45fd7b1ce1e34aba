"""The one way to announce that something happened. Where facts go is a list in settings, not a call here.

A service publishes inside its transaction; sinks run in that same transaction (audit) and may use
`transaction.on_commit` for what must only follow success (live events, cache drops).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from apps.core.actor import Actor


@dataclass(frozen=True, slots=True)
class Fact:
    """`topic` is `app.noun.past_verb`; `before`/`after` are plain values, secrets already left out."""

    topic: str
    organization_id: int
    actor: Actor | None
    object_id: str
    object_name: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    is_audited: bool = True
    """False for what the house does by itself in carrying out an audited deed: it goes live and leaves no entry."""


Sink = Callable[[Fact], None]


@cache
def _sinks() -> tuple[Sink, ...]:
    return tuple(import_string(path) for path in settings.SIGNALBOX_BUS_SINKS)


_receivers: dict[str, list[Sink]] = {}


def receives(topic: str) -> Callable[[Sink], Sink]:
    """Subscribe a function of some app's `receivers.py` to a topic; it runs in the publisher's transaction."""

    def register(receiver: Sink) -> Sink:
        _receivers.setdefault(topic, []).append(receiver)
        return receiver

    return register


def publish(fact: Fact) -> None:
    """Hand a fact to every sink and receiver. Outside a transaction it refuses: a fact must stand or fall with its deed."""
    publish_all([fact])


def publish_all(facts: Sequence[Fact]) -> None:
    """The same for many facts of one transaction. A sink with an attribute `many` takes them in one call."""
    if facts and not connection.in_atomic_block:
        raise RuntimeError(f"{facts[0].topic} was published outside a transaction")
    for sink in _sinks():
        _hand(sink, facts)
    for fact in facts:
        for receiver in _receivers.get(fact.topic, ()):
            receiver(fact)


def _hand(sink: Sink, facts: Sequence[Fact]) -> None:
    many: Callable[[Sequence[Fact]], None] | None = getattr(sink, "many", None)
    if many is not None and len(facts) > 1:
        many(facts)
        return
    for fact in facts:
        sink(fact)
