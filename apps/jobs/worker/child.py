"""The inside of a child process: one attempt, reported line by line to the worker that started it.

It dies with that worker: by the kernel's word where there is one, else when the pipe ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from multiprocessing.connection import Connection
from threading import Lock, Thread
from typing import Any

import django
from django.apps import apps

from apps.core import json as strict_json

PR_SET_PDEATHSIG = 1


def main(pipe: Connection, fields: dict[str, Any], memory_limit: int | None) -> None:
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's to hear
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if not apps.ready:
        django.setup(set_prefix=False)
    limit(memory_limit)
    _run(pipe, fields)


def die_with_parent() -> None:
    """Have the kernel kill us when the process that started us ends; elsewhere than on Linux the pipe's end does."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def limit(memory: int | None) -> None:
    """No core files, and no more memory than the kind allows."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        if hard == resource.RLIM_INFINITY or memory <= hard:
            resource.setrlimit(resource.RLIMIT_AS, (memory, hard))


def _run(pipe: Connection, fields: dict[str, Any]) -> None:
    # Local: models are ready only now.
    from apps.core.rpc.place import become_worker  # noqa: PLC0415
    from apps.jobs.models import Job  # noqa: PLC0415
    from apps.jobs.worker.attempt import run_handler  # noqa: PLC0415
    from apps.jobs.worker.context import RunContext  # noqa: PLC0415

    become_worker()
    sending = Lock()

    def send(message: dict[str, Any]) -> None:
        with sending:
            pipe.send_bytes(strict_json.dumps(message))

    job = Job(**fields)
    context = RunContext(job)

    def report() -> None:
        context.is_changed = False
        send(_reported(job))

    context.note = report
    Thread(target=_obey, args=(pipe, context), daemon=True).start()
    outcome = run_handler(context)
    send(
        {
            **_reported(job),
            "end": {
                "result": outcome.result,
                "error": outcome.error,
                "is_final": outcome.is_final,
                "is_cancelled": outcome.is_cancelled,
            },
        }
    )


def _reported(job: Any) -> dict[str, Any]:
    return {"progress": job.progress, "message": job.message, "steps": job.steps}


def _obey(pipe: Connection, context: Any) -> None:
    try:
        while True:
            pipe.recv_bytes()  # the one thing ever said: stop
            context.stop()
    except (EOFError, OSError):
        os._exit(1)
