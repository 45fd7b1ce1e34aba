"""Run jobs in this process: `manage.py worker --threads 8 --queues critical,high`."""

from __future__ import annotations

import os
import signal
import sys
from threading import Thread
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.core.rpc.place import become_worker
from apps.jobs.adapters import notify
from apps.jobs.domain.priorities import WORDS, Priority
from apps.jobs.services import doorbell
from apps.jobs.worker.child import die_with_parent
from apps.jobs.worker.loop import Worker

WORN_OUT = 75
"""The exit status that asks to be started anew."""


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--threads", type=int, default=settings.SIGNALBOX_JOB_THREADS)
        parser.add_argument(
            "--queues", default="", help=f"priorities to serve, of {', '.join(WORDS)}; default all"
        )
        parser.add_argument(
            "--embedded", action="store_true", help="end with the server that started it"
        )

    def handle(self, *args: Any, threads: int, queues: str, embedded: bool, **options: Any) -> None:
        if threads < 1:
            raise CommandError("--threads must be at least 1.")
        become_worker()
        worker = Worker(threads=threads, priorities=_priorities(queues))
        if notify.is_available():
            doorbell.add_ring(notify.ringer.ring)
        if embedded:
            die_with_parent()
            Thread(target=_end_with_parent, name="parent", daemon=True).start()
        # The main thread only listens to signals: a handler that ran within the loop could wait for its own locks.
        running = Thread(target=worker.run, name="worker")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        running.start()
        if not embedded:  # else the server speaks for both
            self.stdout.write(f"Worker {worker.name} runs jobs in {threads} threads")
            self.stdout.flush()
        while running.is_alive():
            running.join(0.2)
        if worker.is_worn_out:
            self.stdout.flush()
            os._exit(WORN_OUT)


def _priorities(words: str) -> list[Priority]:
    names = [word.strip() for word in words.split(",") if word.strip()]
    wrong = [name for name in names if name not in WORDS]
    if wrong:
        raise CommandError(f"--queues: {', '.join(wrong)}: choose from {', '.join(WORDS)}.")
    return [Priority.of(name) for name in names]


def _end_with_parent() -> None:
    """The server holds the other end of our standard input; its end comes with the server's."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(1)
