"""The worker beside the server: a process of its own, so that jobs never take the loop's turn, kept alive from here.

It ends with this process however that ends: the kernel kills it (Linux), and the pipe to it closes (everywhere).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import monotonic

import structlog
from django.conf import settings

from config.env import ROOT

log = structlog.get_logger(__name__)

CALM_SECONDS = 1.0
LONGEST_CALM_SECONDS = 30.0
LONG_LIFE_SECONDS = 30.0
STOP_MARGIN_SECONDS = 2.0


class EmbeddedWorker:
    """Started, watched, started anew when it dies, told to end, ended.

    `grace`: seconds that it lets running jobs have once it is told to end; what does not make it is given back.
    """

    def __init__(self, *, grace: int | None = None) -> None:
        self._grace = settings.SIGNALBOX_SHUTDOWN_GRACE if grace is None else grace
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopping = Event()
        self._thread = Thread(target=self._keep, name="embedded-worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def terminate(self) -> None:
        """Let it end what runs; called at the first signal, so that its grace runs beside the server's."""
        self._is_stopping.set()
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.terminate()

    def stop(self) -> None:
        """Wait for its end, no longer than the grace; then kill it: its jobs are another's to run."""
        self.terminate()
        self._thread.join(self._grace + STOP_MARGIN_SECONDS)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _keep(self) -> None:
        # All children are this thread's: Linux ties their lives to the thread that made them.
        calm = CALM_SECONDS
        while not self._is_stopping.is_set():
            began = monotonic()
            status = self._run_one()
            if self._is_stopping.is_set():
                return
            calm = CALM_SECONDS if monotonic() - began > LONG_LIFE_SECONDS else 2 * calm
            calm = min(calm, LONGEST_CALM_SECONDS)
            log.warning("embedded_worker_ended", status=status, starts_again_in=calm / 2)
            self._is_stopping.wait(calm / 2)

    def _run_one(self) -> int:
        command = [sys.executable, str(ROOT / "manage.py"), "worker", "--embedded"]
        settled = {**os.environ, "SIGNALBOX_SHUTDOWN_GRACE": str(self._grace)}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, env=settled)  # noqa: S603 - our own command
        if self._is_stopping.is_set():  # told so while it was being started
            self._process.terminate()
        return self._process.wait()


@contextmanager
def embedded_worker(*, grace: int | None = None) -> Iterator[EmbeddedWorker | None]:
    """A worker for as long as the block runs; None where others do the work."""
    if not settings.SIGNALBOX_EMBEDDED_WORKER:
        yield None
        return
    worker = EmbeddedWorker(grace=grace)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
