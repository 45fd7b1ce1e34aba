"""What every resolver is given: who asks, within which request, until when."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Any

from apps.core.actor import Actor
from apps.core.errors import TimedOut, Unauthenticated

SECONDS = 5.0


@dataclass(slots=True)
class GraphContext:
    """`actor` is None for anonymous callers; `deadline` is on the monotonic clock."""

    actor: Actor | None
    request_id: str
    deadline: float

    @property
    def is_late(self) -> bool:
        return monotonic() >= self.deadline

    def check_deadline(self) -> None:
        if self.is_late:
            raise TimedOut(f"The operation took longer than {SECONDS:g} s.", code="deadline")


def new_context(actor: Actor | None, request_id: str) -> GraphContext:
    return GraphContext(actor, request_id, monotonic() + SECONDS)


def actor_of(info: Any) -> Actor:
    """Who asks; `Unauthenticated` when it is nobody."""
    actor: Actor | None = info.context.actor
    if actor is None:
        raise Unauthenticated
    return actor
