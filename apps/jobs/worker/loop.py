"""The worker's loop: claim, run in threads, settle in batches, keep the leases alive.

One thread does all bookkeeping, so the database sees few, larger transactions; the handlers' threads only report.
A handler that outlasts its kind's time limit is given up: its thread may linger, but its claim writes nothing more.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Collection
from queue import Empty, SimpleQueue
from time import monotonic

import structlog
from django.conf import settings
from django.db import close_old_connections, connection
from django.db.utils import DataError, IntegrityError
from django.db.utils import Error as DatabaseError

from apps.core.tenancy import unscoped
from apps.jobs.adapters import notify, pipes
from apps.jobs.domain.kinds import kind_named
from apps.jobs.models import Job
from apps.jobs.services import claims, doorbell, outcomes, schedule, tallies, upkeep
from apps.jobs.services.outcomes import Outcome
from apps.jobs.worker.attempt import failed, refusal_of, run_handler
from apps.jobs.worker.clock import ClockWatch
from apps.jobs.worker.context import RunContext
from apps.jobs.worker.process import run_in_child
from apps.jobs.worker.records import Drainer
from apps.jobs.worker.threads import Run, Threads

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.5
BUSY_SECONDS = 0.1
AWAY_SECONDS = 1.0
PROGRESS_SECONDS = 0.5
SWEEP_SECONDS = 0.5
RESERVE = 2
"""Threads kept for organisations of which nothing runs here: long work of one does not hold up another's first."""
MOST_AHEAD = 96
"""Jobs claimed beyond the free threads while jobs are short; they wait in memory instead of in the database."""
WITHDRAW_SECONDS = 0.5
"""What was claimed ahead and has not begun by then is given back for others to take."""
MOST_GIVEN_UP = 16
"""Threads that never came back; with so many the process is worn out and ends, to be started anew."""


def worker_name() -> str:
    return f"{pipes.host()}.{os.getpid()}.{secrets.token_hex(4)}"


class Worker:
    """Runs until `stop()`; then waits for what runs, as long as the grace allows, and gives the rest back."""

    def __init__(
        self,
        *,
        threads: int | None = None,
        name: str | None = None,
        priorities: Collection[int] = (),
    ) -> None:
        self.name = name or worker_name()
        self.is_worn_out = False
        self._free_threads = threads or settings.SIGNALBOX_JOB_THREADS
        self._priorities = priorities
        self._threads = Threads(self._free_threads + RESERVE, self._run_one)
        self._runs: dict[int, Run] = {}
        self._ended: SimpleQueue[Outcome] = SimpleQueue()
        self._unsettled: list[Outcome] = []
        self._stopping = threading.Event()
        self._beat_at = self._swept_at = self._trusts_leases_at = float("-inf")
        self._clock = ClockWatch()
        self._ahead = self._given_up = 0
        self._is_alone = False

    def run(self) -> None:
        """Serve until stopped, known to the other processes of this machine meanwhile."""
        presence = pipes.Presence(self.name)
        presence.enter(doorbell.hear)
        listener = notify.Listener(doorbell.hear)
        drainer = Drainer()
        if notify.is_available():
            listener.start()
        drainer.start()
        try:
            while not self._stopping.is_set():
                self.turn()
            self._finish()
        finally:
            listener.close()
            presence.leave()
            self._threads.close()
            drainer.close()
            connection.close()

    def run_claimed(self, jobs: list[Job]) -> None:
        """Run what was claimed in this worker's name, and nothing else, to the end."""
        for job in jobs:
            self._start(job)
        while self._runs or self._unsettled:
            self._guarded(self._keep_books)
            doorbell.wait(BUSY_SECONDS)
        self._guarded(tallies.flush)
        self._threads.close()

    def stop(self) -> None:
        self._stopping.set()
        doorbell.hear()

    def turn(self) -> None:
        """Once around. A database that is away is waited for; nothing in hand is dropped meanwhile."""
        found = self._guarded(self._serve)
        if not found and self._ended.empty():
            doorbell.wait(BUSY_SECONDS if self._runs else POLL_SECONDS)

    def _guarded(self, call: Callable[[], object]) -> bool:
        try:
            close_old_connections()
            found = bool(call())
        except DatabaseError as error:
            if not self._is_alone:  # said once, not every second
                log.warning("worker_database_away", error=repr(error))
            self._is_alone = True
            connection.close()
            self._stopping.wait(AWAY_SECONDS)
            return False
        if self._is_alone:
            log.info("worker_database_back")
        self._is_alone = False
        return found

    def _serve(self) -> bool:
        self._keep_books()
        self._withdraw()
        claimed = self._claim()
        for job in claimed:
            self._start(job)
        return bool(claimed)

    def _keep_books(self) -> None:
        self._watch_clock()
        self._settle()
        self._write_progress()
        self._keep_leases()
        self._sweep()

    # --- taking up

    def _claim(self) -> list[Job]:
        free = self._free_threads - len(self._runs)
        lease = settings.SIGNALBOX_JOB_LEASE
        if free > 0 or (self._ahead > 0 and len(self._runs) < self._free_threads + self._ahead):
            return claims.claim(
                worker=self.name,
                count=max(free, 0) + self._ahead,
                lease=lease,
                priorities=self._priorities,
            )
        begun = [run for run in self._runs.values() if run.begun_at is not None]
        reserve = self._free_threads + RESERVE - len(begun)
        if reserve <= 0 or len(begun) < len(self._runs):
            return []
        served = {run.context.organization_id for run in begun}
        return claims.claim(
            worker=self.name,
            count=reserve,
            lease=lease,
            without=served,
            priorities=self._priorities,
        )

    def _start(self, job: Job) -> None:
        run = Run(RunContext(job, doorbell.hear), kind_named(job.kind))
        self._runs[job.pk] = run
        self._threads.put(run)

    def _run_one(self, run: Run) -> None:
        """In a thread: from the claimed row to the outcome."""
        try:
            self._ended.put(_outcome_of(run))
        except BaseException as error:  # noqa: BLE001 - nothing may keep an attempt from having an end
            log.warning("attempt_failed", job=run.context.job_id, error=repr(error))
            text = f"The attempt failed: {type(error).__name__}."
            self._ended.put(failed(run.context.job, "internal_error", text))
        finally:
            close_old_connections()
            doorbell.hear()

    def _withdraw(self) -> None:
        """Give back what was claimed ahead and found no thread; the threads are busy with longer work."""
        now = monotonic()
        late = [
            run
            for run in self._runs.values()
            if run.begun_at is None and now - run.claimed_at > WITHDRAW_SECONDS and run.withdraw()
        ]
        if late:
            self._ahead = 0
            claims.give_back([run.context.job for run in late], is_begun=False)
            self._forget(late)

    def _forget(self, runs: list[Run]) -> None:
        for run in runs:
            self._runs.pop(run.context.job.pk, None)

    # --- bringing to an end

    def _settle(self) -> None:
        """Write the ends that were reported since the last time. Kept until written."""
        self._unsettled += self._reported() + self._hopeless()
        if not self._unsettled:
            return
        try:
            outcomes.settle(self._unsettled)
        except (DataError, IntegrityError) as error:
            log.warning("settle_one_by_one", error=repr(error))
            for outcome in self._unsettled:
                _settle_alone(outcome)
        self._unsettled = []

    def _reported(self) -> list[Outcome]:
        ended: list[Outcome] = []
        while True:
            try:
                outcome = self._ended.get_nowait()
            except Empty:
                break
            run = self._runs.get(outcome.job.pk)
            if run is None or run.context.job is not outcome.job:
                continue  # given up before
            del self._runs[outcome.job.pk]
            if not run.context.is_lost:
                ended.append(outcome)
        # Short jobs come back many at a time: so many more are worth claiming ahead.
        self._ahead = min(MOST_AHEAD, 2 * len(ended)) if len(ended) > 1 else 0
        return ended

    def _hopeless(self) -> list[Outcome]:
        """Attempts that outlast their time limit, or do not end though asked to."""
        now = monotonic()
        ended: list[Outcome] = []
        for run in list(self._runs.values()):
            job = run.context.job
            if run.is_deaf(now):
                ended.append(Outcome(job, is_cancelled=True))
            elif run.is_overdue(now):
                ended.append(failed(job, "timeout", "It took longer than its kind allows."))
            else:
                continue
            self._give_up(run)
        return ended

    def _give_up(self, run: Run) -> None:
        run.context.lose()
        self._forget([run])
        if run.begun_at is None:
            run.withdraw()
            return
        self._threads.give_up(run)
        self._given_up += 1
        if self._given_up >= MOST_GIVEN_UP:
            log.error("worker_worn_out", given_up=self._given_up)
            self.is_worn_out = True
            self._stopping.set()

    def _write_progress(self) -> None:
        now = monotonic()
        due = [
            run
            for run in self._runs.values()
            if run.context.is_changed and now - run.written_at >= PROGRESS_SECONDS
        ]
        if not due:
            return
        for run in due:
            run.context.is_changed, run.written_at = False, now
        self._lose_all_but(due, outcomes.note_progress([run.context.job for run in due]))

    def _keep_leases(self) -> None:
        lease = settings.SIGNALBOX_JOB_LEASE
        if not self._runs or monotonic() - self._beat_at < lease.total_seconds() / 3:
            return
        self._beat_at = monotonic()
        runs = list(self._runs.values())
        self._lose_all_but(runs, claims.extend([run.context.job for run in runs], lease=lease))

    def _lose_all_but(self, runs: list[Run], kept: set[int]) -> None:
        for run in runs:
            if run.context.job.pk not in kept:
                self._give_up(run)

    # --- looking after the house

    def _watch_clock(self) -> None:
        """Was it set, whoever lives renews its leases by the new time before any is believed to have run out."""
        jump = self._clock.jump()
        if jump:
            log.warning("clock_was_set", seconds=round(jump))
            self._beat_at = float("-inf")
            self._trusts_leases_at = monotonic() + settings.SIGNALBOX_JOB_LEASE.total_seconds()
        if jump < 0:
            upkeep.follow_clock_back()

    def _sweep(self) -> None:
        """Hear of cancellations, give back what dead workers held, tick the schedule."""
        if monotonic() - self._swept_at < SWEEP_SECONDS:
            return
        self._swept_at = monotonic()
        for name in pipes.bury_dead():
            log.warning("worker_died", worker=name, jobs=claims.reclaim_of(name))
        if monotonic() >= self._trusts_leases_at:
            claims.reclaim_lost()
        self._hear_cancellations()
        schedule.tick()
        upkeep.heal()
        tallies.flush_now_and_then()

    def _hear_cancellations(self) -> None:
        if not self._runs:
            return
        with unscoped(reason=claims.REASON):
            asked = Job.objects.filter(pk__in=list(self._runs), cancel_requested_at__isnull=False)
            numbers = list(asked.values_list("pk", flat=True))
        for number in numbers:
            self._runs[number].context.stop()

    def _finish(self) -> None:
        """Let what runs end within the grace; what does not is given back at once, not when its lease runs out."""
        until = monotonic() + max(settings.SIGNALBOX_SHUTDOWN_GRACE - 2.0, 0.0)
        while self._runs and monotonic() < until and not self.is_worn_out:
            self._guarded(self._keep_books)
            self._guarded(self._give_back_unbegun)
            doorbell.wait(BUSY_SECONDS)
        self._guarded(self._settle)
        left = list(self._runs.values())
        for run in left:
            run.context.lose()
        # To be stopped is not the job's failure: the attempt does not count.
        self._guarded(lambda: claims.give_back([run.context.job for run in left], is_begun=False))
        self._guarded(tallies.flush)

    def _give_back_unbegun(self) -> None:
        waiting = [run for run in self._runs.values() if run.begun_at is None and run.withdraw()]
        claims.give_back([run.context.job for run in waiting], is_begun=False)
        self._forget(waiting)


def _outcome_of(run: Run) -> Outcome:
    refused = refusal_of(run.context.job)
    if refused is not None or run.kind is None:
        return refused or failed(run.context.job, "unknown_kind", "Nobody here handles it.")
    if run.is_isolated:
        return run_in_child(run.context, run.kind)
    return run_handler(run.context)


def _settle_alone(outcome: Outcome) -> None:
    """An outcome the database will not keep becomes one it will: it must not hold up the others."""
    try:
        outcomes.settle([outcome])
    except (DataError, IntegrityError):
        outcome.job.message, outcome.job.steps = "", []
        outcomes.settle(
            [failed(outcome.job, "result_unstorable", "Its result cannot be kept.", is_final=True)]
        )
