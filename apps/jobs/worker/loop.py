"""The worker's loop: claim, run in threads, settle in batches, keep the leases alive.

One thread does all bookkeeping, so the database sees few, larger transactions; the handlers' threads only report.
A handler that outlasts its kind's time limit is given up: its thread may linger, but its claim writes nothing more.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import monotonic

import structlog
from django.conf import settings
from django.db import close_old_connections
from django.db.utils import Error as DatabaseError

from apps.core.tenancy import unscoped
from apps.jobs.domain.kinds import kind_named
from apps.jobs.models import Job
from apps.jobs.services import claims, doorbell, outcomes
from apps.jobs.services.outcomes import Outcome
from apps.jobs.worker.attempt import run_attempt
from apps.jobs.worker.context import RunContext

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.5
SETTLE_SECONDS = 0.01
AWAY_SECONDS = 1.0


def worker_name() -> str:
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"


@dataclass(slots=True)
class Running:
    context: RunContext
    deadline: float
    thread: threading.Thread = field(init=False)


class Worker:
    """Runs until `stop()`; then waits for what runs, as long as the grace allows, and gives the rest back."""

    def __init__(self, *, threads: int = 8, name: str | None = None) -> None:
        self.name = name or worker_name()
        self._threads = threads
        self._running: dict[int, Running] = {}
        self._ended: SimpleQueue[Outcome] = SimpleQueue()
        self._stopping = threading.Event()
        self._beat_at = self._swept_at = float("-inf")

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._turn()
            except DatabaseError as error:
                log.warning("worker_database_away", error=repr(error))
                close_old_connections()
                self._stopping.wait(AWAY_SECONDS)
        self._finish()

    def stop(self) -> None:
        self._stopping.set()
        doorbell.ring()

    def _turn(self) -> None:
        close_old_connections()
        self._settle()
        self._keep_leases()
        self._sweep()
        free = self._threads - len(self._running)
        claimed = (
            claims.claim(worker=self.name, count=free, lease=settings.SIGNALBOX_JOB_LEASE)
            if free
            else []
        )
        for job in claimed:
            self._start(job)
        if not claimed:
            self._rest()

    def _rest(self) -> None:
        """Wait for a ring, an ended attempt or the poll, whichever comes first."""
        if self._running:
            self._wait_for_end(
                SETTLE_SECONDS if self._threads > len(self._running) else POLL_SECONDS
            )
        else:
            doorbell.wait(POLL_SECONDS)

    def _wait_for_end(self, seconds: float) -> None:
        try:
            outcome = self._ended.get(timeout=seconds)
        except Empty:
            return
        self._ended.put(outcome)

    def _start(self, job: Job) -> None:
        kind = kind_named(job.kind)
        running = Running(
            RunContext(job, outcomes.note_progress),
            monotonic() + (kind.time_limit if kind else 60.0),
        )
        running.thread = threading.Thread(
            target=self._run_one, args=(running,), name=job.public_id, daemon=True
        )
        self._running[job.pk] = running
        running.thread.start()

    def _run_one(self, running: Running) -> None:
        try:
            self._ended.put(run_attempt(running.context))
        finally:
            close_old_connections()

    def _settle(self) -> None:
        """Write the ends that were reported since the last turn."""
        ended: list[Outcome] = []
        while not self._ended.empty():
            outcome = self._ended.get()
            running = self._running.pop(outcome.job.pk, None)
            if running is not None and not running.context.is_lost:
                ended.append(outcome)
        ended += self._overdue()
        if ended:
            outcomes.settle(ended)

    def _overdue(self) -> list[Outcome]:
        now = monotonic()
        late = [running for running in self._running.values() if running.deadline < now]
        for running in late:
            del self._running[running.context.job.pk]
            running.context.lose()
        error = {"code": "timeout", "message": "It took longer than its kind allows."}
        return [Outcome(running.context.job, error=error) for running in late]

    def _keep_leases(self) -> None:
        lease = settings.SIGNALBOX_JOB_LEASE
        if not self._running or monotonic() - self._beat_at < lease.total_seconds() / 3:
            return
        self._beat_at = monotonic()
        jobs = [running.context.job for running in self._running.values()]
        kept = claims.extend(jobs, lease=lease)
        for job in jobs:
            if job.pk not in kept:
                self._running.pop(job.pk).context.lose()

    def _sweep(self) -> None:
        """Once a second: hear of cancellations, give back what dead workers held."""
        if monotonic() - self._swept_at < 1.0:
            return
        self._swept_at = monotonic()
        claims.reclaim_lost()
        if self._running:
            with unscoped(reason="a worker serves every organisation"):
                asked = Job.objects.filter(
                    pk__in=list(self._running), cancel_requested_at__isnull=False
                )
                for pk in asked.values_list("pk", flat=True):
                    self._running[pk].context.stop()

    def _finish(self) -> None:
        """Let what runs end within the grace; what does not is given back at once, not when its lease runs out."""
        until = monotonic() + settings.SIGNALBOX_SHUTDOWN_GRACE
        while self._running and monotonic() < until:
            self._wait_for_end(0.1)
            self._settle()
            self._keep_leases()
        for running in self._running.values():
            running.context.lose()
        claims.give_back([running.context.job for running in self._running.values()])
