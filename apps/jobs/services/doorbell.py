"""The doorbell: tells workers to look now. Losing a ring costs a poll's wait and nothing else.

A ring reaches the workers of this process by an event; other processes by whatever was added here at start-up
(a named pipe on this machine, PostgreSQL's NOTIFY, a broker's message). Ringing must never wait or raise.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

import structlog
from django.db import transaction

from apps.jobs.models import Job

log = structlog.get_logger(__name__)

Ring = Callable[[list[Job]], None]

_heard = Event()
_others: list[Ring] = []


def add_ring(ring: Ring) -> None:
    """Also do this at each ring."""
    if ring not in _others:
        _others.append(ring)


def remove_ring(ring: Ring) -> None:
    if ring in _others:
        _others.remove(ring)


def ring_on_commit(jobs: list[Job]) -> None:
    """Ring for these jobs once they are there to be seen."""
    transaction.on_commit(lambda: ring(jobs))


def ring(jobs: list[Job]) -> None:
    hear()
    for other in _others:
        try:
            other(jobs)
        except Exception as error:  # noqa: BLE001 - the poll is the net
            log.warning("doorbell_failed", error=repr(error))


def hear() -> None:
    """A ring arrived: wake whoever waits here."""
    _heard.set()


def wait(seconds: float) -> bool:
    """Wait for a ring; whether there was one."""
    rang = _heard.wait(seconds)
    _heard.clear()
    return rang
