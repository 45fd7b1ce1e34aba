"""What the house does again and again: declared by apps in their `tasks.py`, ticked once wherever it is ticked.

A tick runs in the transaction that moves its row on, so what it enqueues is enqueued once, however many look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

Tick = Callable[[datetime], None]


@dataclass(frozen=True, slots=True)
class Scheduled:
    name: str
    every: timedelta
    tick: Tick


_scheduled: dict[str, Scheduled] = {}


def periodic(name: str, *, every: timedelta) -> Callable[[Tick], Tick]:
    """Have a function called at each interval with the time it was due. It must be quick: it holds a transaction."""

    def register(tick: Tick) -> Tick:
        if name in _scheduled and _scheduled[name].tick.__qualname__ != tick.__qualname__:
            raise RuntimeError(f"{name} is scheduled twice")
        _scheduled[name] = Scheduled(name, every, tick)
        return tick

    return register


def all_scheduled() -> list[Scheduled]:
    return sorted(_scheduled.values(), key=lambda scheduled: scheduled.name)


def next_after(due: datetime, every: timedelta, now: datetime) -> datetime:
    """The next time on the grid of `due` that lies ahead: what was missed while all were away runs once, not often."""
    missed = (now - due) // every
    return due + every * (missed + 1)
