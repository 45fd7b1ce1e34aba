"""Putting events into the outbox, and the bell that tells this process's publisher so.

A row is an insert and nothing else: no counter is touched, so writers of one topic never queue behind each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

from django.db import transaction

from apps.events.models import OutboxEvent

bell = Event()
"""Set when something of this process's was committed; its publisher waits for it."""


def append(events: Sequence[OutboxEvent]) -> None:
    """Write events down, in the caller's transaction and organization; they are published after its commit."""
    if not events:
        return
    OutboxEvent.objects.bulk_create(list(events))
    transaction.on_commit(bell.set)
