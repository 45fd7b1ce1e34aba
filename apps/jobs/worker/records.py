"""Hands on what handlers spooled in this process, and what its children and dead processes left.

Beside the loop in a thread of its own: a drain writes to the database, and the leases must not wait for it.
"""

from __future__ import annotations

from threading import Event, Thread

from django.db import close_old_connections, connections

from apps.core.spool import process as spool

CLOSE_SECONDS = 5.0


class Drainer:
    """Runs from `start` to `close`; the spool itself says what could not be handed on, and keeps it."""

    def __init__(self) -> None:
        self._is_closed = Event()
        self._thread = Thread(target=self._run, name="spool", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Once more for the last records; what is left after that is adopted by whoever comes next."""
        self._is_closed.set()
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        try:
            while not self._is_closed.wait(spool.TICK_SECONDS):
                close_old_connections()
                spool.drain_all()
            spool.drain_all()
        finally:
            connections.close_all()
