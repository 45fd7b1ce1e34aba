"""What a handler sees of its job while it runs, and how it reports back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

from apps.jobs.domain.kinds import Cancelled
from apps.jobs.models import Job

WRITE_EVERY = 0.5
"""Seconds between two writes of progress; what is said in between is kept for the next."""

Note = Callable[[Job], bool]


class RunContext:
    """Implements `domain.kinds.Context` over a claimed row. One thread runs the handler, another may cancel it."""

    def __init__(self, job: Job, note: Note) -> None:
        self.job = job
        self.job_id: str = job.public_id
        self.organization_id: int = job.organization_id
        self.attempt: int = job.attempts
        self._note = note
        self._written_at = float("-inf")
        self._stop = threading.Event()
        self.is_lost = False

    def progress(self, percent: float, message: str = "") -> None:
        self._raise_if_stopped()
        self.job.progress = max(self.job.progress, min(float(percent), 99.9))
        if message:
            self.job.message = message[:500]
        self._write_sometimes()

    def step(self, name: str) -> None:
        self._raise_if_stopped()
        now = datetime.now(UTC).isoformat()
        self._end_step(now)
        self.job.steps = [
            *self.job.steps,
            {"name": name[:200], "started_at": now, "ended_at": None},
        ]
        self.job.message = name[:500]
        self._write_sometimes()

    def is_cancelled(self) -> bool:
        return self._stop.is_set()

    def stop(self) -> None:
        """Somebody asked to cancel, or the lease is gone."""
        self._stop.set()

    def lose(self) -> None:
        self.is_lost = True
        self._stop.set()

    def _raise_if_stopped(self) -> None:
        if self._stop.is_set():
            raise Cancelled

    def _end_step(self, now: str) -> None:
        if self.job.steps and self.job.steps[-1]["ended_at"] is None:
            self.job.steps = [*self.job.steps[:-1], {**self.job.steps[-1], "ended_at": now}]

    def _write_sometimes(self) -> None:
        if monotonic() - self._written_at >= WRITE_EVERY:
            self._written_at = monotonic()
            if not self._note(self.job):
                self.lose()
                raise Cancelled
