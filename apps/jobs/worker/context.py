"""What a handler sees of its job while it runs, and how it reports back."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from apps.core.actor import Actor
from apps.jobs.domain.kinds import Cancelled
from apps.jobs.models import Job
from apps.jobs.services import authority, results

MAX_STEPS = 200
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _nothing() -> None: ...


class RunContext:
    """Implements `domain.kinds.Context` over a claimed row. One thread runs the handler, another may stop it.

    What is reported is kept here; the worker writes it, at most twice a second, and is told by `note` that it may.
    """

    def __init__(self, job: Job, note: Callable[[], None] = _nothing) -> None:
        self.job = job
        self.job_id: str = job.public_id
        self.organization_id: int = job.organization_id
        self.attempt: int = job.attempts
        self.is_lost = False
        self.is_changed = False
        self.stopped_at: float | None = None
        self.note = note
        self._stop = threading.Event()

    @property
    def actor(self) -> Actor | None:
        return authority.actor_of(self.job)

    def progress(self, percent: float, message: str = "") -> None:
        self._raise_if_stopped()
        self.job.progress = max(self.job.progress, min(float(percent), 99.9))
        if message:
            self.job.message = clean(message)
        self._change()

    def step(self, name: str) -> None:
        self._raise_if_stopped()
        now = datetime.now(UTC).isoformat()
        ended = [{**step, "ended_at": step["ended_at"] or now} for step in self.job.steps]
        new: dict[str, Any] = {"name": clean(name)[:200], "started_at": now, "ended_at": None}
        self.job.steps = [*ended, new][-MAX_STEPS:]
        self.job.message = clean(name)
        self._change()

    def is_cancelled(self) -> bool:
        return self._stop.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep, or raise `Cancelled` as soon as somebody asks to stop."""
        self._stop.wait(seconds)
        self._raise_if_stopped()

    def keep_result(
        self, pieces: Iterable[bytes], *, name: str = "", content_type: str = ""
    ) -> dict[str, Any]:
        """A file as the result; it is written while the pieces come, and a cancelled job stops in between."""
        return results.keep_result(
            self.job, self._until_stopped(pieces), name=name, content_type=content_type
        )

    def take(self, progress: float, message: str, steps: list[Any]) -> None:
        """What the handler reported in a child process."""
        self.job.progress, self.job.message, self.job.steps = progress, message, steps
        self._change()

    def stop(self) -> None:
        """Somebody asked to cancel."""
        if self.stopped_at is None:
            self.stopped_at = monotonic()
        self._stop.set()

    def lose(self) -> None:
        """The job is somebody else's by now: whatever comes of this attempt is not written."""
        self.is_lost = True
        self._stop.set()

    def _change(self) -> None:
        if not self.is_changed:
            self.is_changed = True
            self.note()

    def _until_stopped(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._raise_if_stopped()
            yield piece

    def _raise_if_stopped(self) -> None:
        if self._stop.is_set():
            raise Cancelled


def clean(text: str) -> str:
    """A message that any database can keep."""
    return _UNSTORABLE.sub("�", str(text))[:500]
