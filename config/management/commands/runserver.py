"""The development server: daphne's own command, with a worker for jobs beside it.

It stands here and daphne not among the installed apps, which would load Twisted, a fifth of the memory, into every
server that never asks for it.
"""

from __future__ import annotations

import atexit
from typing import Any

from daphne.management.commands.runserver import Command as DaphneCommand

from config.embedded import embedded_worker

GRACE = 1
"""Seconds that running jobs are given at each reload; they are taken up again by the next worker, from their start."""


class Command(DaphneCommand):
    def inner_run(self, *args: Any, **options: Any) -> None:
        """In the process that serves: with autoreload that is the child, so there is one worker, begun anew with it."""
        with embedded_worker(grace=GRACE) as worker:
            if worker is not None and options["use_reloader"]:
                # A reload ends the process from another thread, and this one never leaves its block.
                atexit.register(worker.stop)
            super().inner_run(*args, **options)
