"""The threads that run attempts. One that is given up is replaced; it ends when its handler does, if ever."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import Any

from django.db import connections

from apps.jobs.domain.kinds import Kind
from apps.jobs.worker.context import RunContext

CLOSE_SECONDS = 1.0


class Run:
    """One claimed job in this worker, from claim to end."""

    def __init__(self, context: RunContext, kind: Kind[Any] | None) -> None:
        self.context = context
        self.kind = kind
        self.claimed_at = monotonic()
        self.begun_at: float | None = None
        self.written_at = float("-inf")
        self.is_given_up = False
        self._is_withdrawn = False
        self._lock = Lock()

    def begin(self) -> bool:
        """Called by the thread that takes it up; False when it was withdrawn before."""
        with self._lock:
            if not self._is_withdrawn:
                self.begun_at = monotonic()
            return not self._is_withdrawn

    def withdraw(self) -> bool:
        """Take it back from the queue; False when it has begun."""
        with self._lock:
            self._is_withdrawn = self.begun_at is None
            return self._is_withdrawn

    def is_overdue(self, now: float) -> bool:
        limit = self.kind.time_limit if self.kind else 60.0
        return self.begun_at is not None and now - self.begun_at > limit + self._margin()

    def is_deaf(self, now: float) -> bool:
        """Asked to stop, and still there after its grace."""
        grace = self.kind.cancel_grace if self.kind else 10.0
        stopped_at = self.context.stopped_at
        return stopped_at is not None and now - stopped_at > grace + self._margin()

    @property
    def is_isolated(self) -> bool:
        return self.context.job.losses > 0 or (self.kind is not None and self.kind.is_heavy)

    def _margin(self) -> float:
        return 5.0 if self.is_isolated else 0.0  # its own watcher kills the child first


class Threads:
    """`count` threads taking up what is put in, in order."""

    def __init__(self, count: int, run: Callable[[Run], None]) -> None:
        self._run = run
        self._waiting: SimpleQueue[Run | None] = SimpleQueue()
        self._count = count
        self._all: list[Thread] = []
        for _ in range(count):
            self._add()

    def put(self, run: Run) -> None:
        self._waiting.put(run)

    def give_up(self, run: Run) -> None:
        """Its thread counts no more: another takes its place."""
        run.is_given_up = True
        self._add()

    def close(self) -> None:
        """End the threads, and wait a moment for those that are free to."""
        for _ in range(self._count):
            self._waiting.put(None)
        until = monotonic() + CLOSE_SECONDS
        for thread in self._all:
            thread.join(max(0.0, until - monotonic()))

    def _add(self) -> None:
        thread = Thread(target=self._serve, name="attempt", daemon=True)
        self._all = [each for each in self._all if each.is_alive()]
        thread.start()
        self._all.append(thread)

    def _serve(self) -> None:
        try:
            while (run := self._waiting.get()) is not None:
                if run.begin():
                    self._run(run)
                if run.is_given_up:
                    return
        finally:
            connections.close_all()
