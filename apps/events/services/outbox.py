"""Putting events into the outbox, and the bell that tells this process's publisher so.

A row is an insert and nothing else: no counter is touched, so writers of one topic never queue behind each other.
By hand: jobs write two rows each, and building models and their INSERT took half of a worker's time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event as Bell

from django.db import connection, transaction

from apps.core.tenancy import guard_write

COLUMNS = "organization_id, topic, event, data, at"

bell = Bell()
"""Set when something of this process's was committed; its publisher waits for it."""


@dataclass(frozen=True, slots=True)
class Event:
    """A row to be. `data` is JSON text already: it was written once to know its size."""

    organization_id: int
    topic: str
    event: str
    data: bytes
    at: datetime


def append(events: Sequence[Event]) -> None:
    """Write events down, in the caller's transaction and organization; they are published after its commit."""
    if not events:
        return
    for event in events:
        guard_write(event)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY events_outboxevent ({COLUMNS}) FROM STDIN") as copy:
                copy.write(b"".join(_line(event) for event in events))
        else:
            cursor.executemany(
                f"INSERT INTO events_outboxevent ({COLUMNS}) VALUES (%s, %s, %s, %s, %s)",  # noqa: S608 - our own columns
                [_row(event) for event in events],
            )
    transaction.on_commit(bell.set)


def _row(event: Event) -> tuple[int | str | None, ...]:
    at = connection.ops.adapt_datetimefield_value(event.at)
    return event.organization_id, event.topic, event.event, event.data.decode(), at


def _line(event: Event) -> bytes:
    """COPY's text form: only tabs, line ends and backslashes mean anything, and JSON has none but backslashes."""
    return b"%d\t%b\t%b\t%b\t%b\n" % (
        event.organization_id,
        event.topic.encode(),
        event.event.encode(),
        event.data.replace(b"\\", b"\\\\"),
        event.at.isoformat().encode(),
    )
