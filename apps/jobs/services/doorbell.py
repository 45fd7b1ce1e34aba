"""The doorbell: tells workers to look now. Losing a ring costs a poll's wait and nothing else.

Rings of one process reach its own worker by an event, those of other processes by whatever was added here at
start-up (PostgreSQL's NOTIFY, a broker's message).
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

_heard = Event()
_others: list[Callable[[], None]] = []


def add_ring(ring: Callable[[], None]) -> None:
    """Also do this at each ring."""
    _others.append(ring)


def ring() -> None:
    _heard.set()
    for other in _others:
        other()


def wait(seconds: float) -> bool:
    """Wait for a ring; whether there was one."""
    rang = _heard.wait(seconds)
    _heard.clear()
    return rang
