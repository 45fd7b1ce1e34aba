"""Celery as a doorbell and a place to run: what a message rings for is claimed from the database like any other job.

A message stands for one turn at its priority, not for the job it names: whichever organisation waits longest is
served by it. As many messages as jobs arrive, and for those that do not the sweeper rings again.
"""

from __future__ import annotations

import os
from collections import deque
from datetime import timedelta
from functools import cache
from multiprocessing import process
from threading import Event, Thread
from time import sleep
from typing import Any

import structlog
from celery import Celery
from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone
from kombu.entity import Exchange, Queue

from apps.core.spool import process as spool
from apps.core.tenancy import unscoped
from apps.jobs.adapters import pipes
from apps.jobs.domain.priorities import Priority
from apps.jobs.domain.states import State
from apps.jobs.models import Job
from apps.jobs.services import claims, schedule, upkeep
from apps.jobs.worker.loop import Worker, worker_name

log = structlog.get_logger(__name__)

RUN = "jobs.run"
SWEEP = "jobs.sweep"
PREFIX = "signalbox."
SWEEP_SECONDS = 5.0
UNRUNG_FOR = timedelta(seconds=3)
RUNG_AGAIN = 200
MOST_WAITING = 10_000
AWAY_SECONDS = 1.0
TRIED_AGAIN = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16)


def make_celery(broker: str) -> Celery:
    """The application with its two tasks: run a job, sweep."""
    app = Celery("signalbox", broker=broker or "memory://")
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_default_queue=queue_of(Priority.NORMAL),
        task_queues=[_queue(queue_of(priority)) for priority in Priority],
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=2,
        broker_transport_options={"socket_connect_timeout": 2, "socket_timeout": 10},
        beat_schedule={SWEEP: {"task": SWEEP, "schedule": SWEEP_SECONDS}},
    )
    app.task(name=RUN)(run_turn)
    app.task(name=SWEEP)(sweep)
    return app


def _queue(name: str) -> Queue:
    # Named throughout: by default all queues would share one key and each message come by all of them.
    return Queue(name, Exchange(name), routing_key=name)  # type: ignore[no-untyped-call]  # not theirs to say


def queue_of(priority: int) -> str:
    return f"{PREFIX}{Priority(priority).word}"


def run_turn(job_id: str) -> None:
    """One message: take the job whose turn it is at the named one's priority, and run it to its end."""
    close_old_connections()
    with unscoped(reason=claims.REASON):
        priority = Job.objects.filter(public_id=job_id).values_list("priority", flat=True).first()
    if priority is None:
        return  # forgotten since
    name, lease = _name_of_process(os.getpid()), settings.SIGNALBOX_JOB_LEASE
    jobs = _claim_one(name, lease, priority)
    if jobs:
        Worker(threads=1, name=name).run_claimed(jobs)
        spool.drain_all()  # what the job recorded; this process may not run another for long


def _claim_one(name: str, lease: timedelta, priority: int) -> list[Job]:
    """A turn that another process holds while it claims is passed over, not empty: the message would be lost on it."""
    for pause in (0.0, *TRIED_AGAIN):
        sleep(pause)
        jobs = claims.claim(worker=name, count=1, lease=lease, priorities=[priority])
        if jobs or not claims.is_waiting(priority):
            return jobs
    return []


@cache
def _name_of_process(pid: int) -> str:
    """This process's name as a worker; its sign of life goes with it."""
    _allow_children()
    name = worker_name()
    pipes.Presence(name).enter(_nothing)
    return name


def _allow_children() -> None:
    """Celery's processes are of its own make of multiprocessing; the standard one must find what it needs in them."""
    standard: Any = process
    ours: Any = standard.current_process()
    ours.daemon = False
    key = standard.AuthenticationString(bytes(ours.authkey))
    ours._config["authkey"] = key  # noqa: SLF001 - the setter would make it Celery's own type again


def sweep() -> int:
    """What a worker of ours does beside its jobs: give back what the dead held, tick, and ring for who waits."""
    for name in pipes.bury_dead():
        log.warning("worker_died", worker=name, jobs=claims.reclaim_of(name))
    claims.reclaim_lost()
    schedule.tick()
    upkeep.heal()
    with unscoped(reason="the sweeper serves every organization"):
        due = Job.objects.filter(state=State.QUEUED, run_at__lt=timezone.now() - UNRUNG_FOR)
        waiting = list(due.order_by("priority", "run_at")[:RUNG_AGAIN])
    if waiting:
        ringer().ring(waiting)
    return len(waiting)


class Ringer:
    """Sends the messages from a thread of its own: a broker that is away delays no submitter, and loses no job."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._waiting: deque[tuple[str, int]] = deque(maxlen=MOST_WAITING)
        self._marked = Event()
        self._thread: Thread | None = None

    def ring(self, jobs: list[Job]) -> None:
        now = timezone.now()
        self._waiting.extend((job.public_id, job.priority) for job in jobs if job.run_at <= now)
        self._marked.set()
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._send_all, name="celery-ringer", daemon=True)
            self._thread.start()

    def _send_all(self) -> None:
        while True:
            self._marked.wait()
            self._marked.clear()
            while self._waiting:
                self._send(*self._waiting.popleft())

    def _send(self, job_id: str, priority: int) -> None:
        try:
            self._app.send_task(RUN, args=[job_id], queue=queue_of(priority), retry=False)
        except Exception as error:  # noqa: BLE001 - whatever the transport raises: the sweeper rings again
            log.warning("broker_away", error=repr(error))
            self._waiting.clear()
            Event().wait(AWAY_SECONDS)


@cache
def ringer() -> Ringer:
    return Ringer(make_celery(settings.SIGNALBOX_BROKER_URL))


def _nothing() -> None: ...
