"""An attempt in a child process, seen from the worker: watched, limited, killed.

For work that is heavy on the processor, and for every job whose process died before: if it kills again, it kills its
own child and not the jobs beside it.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any

import orjson

from apps.jobs.domain.kinds import Kind
from apps.jobs.models import Job
from apps.jobs.services.outcomes import Outcome
from apps.jobs.worker import child
from apps.jobs.worker.attempt import failed
from apps.jobs.worker.context import RunContext

WATCH_SECONDS = 0.1
FIELDS = (
    "id",
    "public_id",
    "organization_id",
    "kind",
    "payload",
    "attempts",
    "progress",
    "message",
    "steps",
    "authority",
    "creator",
    "request_id",
)

# A server that has the program loaded forks each child in milliseconds; unlike a fork of ours it has no threads.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["apps.jobs.worker.preload"])


def run_in_child(context: RunContext, kind: Kind[Any]) -> Outcome:
    """The attempt's outcome, whatever became of the process."""
    ours, theirs = _processes.Pipe()
    fields = {name: getattr(context.job, name) for name in FIELDS}
    memory = kind.memory_limit if kind.is_heavy else None
    process = _processes.Process(target=child.main, args=(theirs, fields, memory), daemon=True)
    process.start()
    theirs.close()
    try:
        return _watch(context, kind, ours) or _died(context.job, process)
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()


def _watch(context: RunContext, kind: Kind[Any], pipe: Connection) -> Outcome | None:
    """Follow it to its end; None when it died on the way."""
    deadline, has_asked = monotonic() + kind.time_limit, False
    while True:
        try:
            end = _hear(context, pipe) if pipe.poll(WATCH_SECONDS) else None
            if end is not None:
                return end
            if context.stopped_at is not None and not has_asked:
                pipe.send_bytes(b"stop")
                has_asked = True
        except (EOFError, OSError):
            return None
        if context.is_lost or _has_had_grace(context, kind):
            return Outcome(context.job, is_cancelled=True)
        if monotonic() > deadline:
            return failed(context.job, "timeout", "It took longer than its kind allows.")


def _hear(context: RunContext, pipe: Connection) -> Outcome | None:
    said = orjson.loads(pipe.recv_bytes())
    context.take(said["progress"], said["message"], said["steps"])
    return Outcome(context.job, **said["end"]) if "end" in said else None


def _has_had_grace(context: RunContext, kind: Kind[Any]) -> bool:
    return context.stopped_at is not None and monotonic() - context.stopped_at > kind.cancel_grace


def _died(job: Job, process: Any) -> Outcome:
    process.join(5)
    text = f"The process that ran it died (exit {process.exitcode}) in attempt {job.attempts}."
    return Outcome(job, error={"code": "worker_lost", "message": text}, is_lost=True)
